-- The sample tables, anew. Grain: a departure from New York in 2013 (flights); TPC-H's own (orders, lineitem, ...).
-- Engine: PostgreSQL. Read: by answers and the playground. Written: by living_answers.samples, once.
drop schema if exists sample cascade;
create schema sample;

create table sample.flights (
    id bigint generated always as identity primary key,
    year int not null,
    month int not null,
    day int not null,
    dep_time int,
    sched_dep_time int not null,
    dep_delay int,
    arr_time int,
    sched_arr_time int not null,
    arr_delay int,
    carrier text not null,
    flight int not null,
    tailnum text,
    origin text not null,
    dest text not null,
    air_time int,
    distance int not null,
    hour int not null,
    minute int not null,
    time_hour timestamptz not null
);

create table sample.airlines (carrier text primary key, name text not null);

create table sample.airports (
    faa text primary key,
    name text not null,
    lat double precision not null,
    lon double precision not null,
    alt int not null,
    tz int,
    dst text,
    tzone text
);

create table sample.planes (
    tailnum text primary key,
    year int,
    type text,
    manufacturer text,
    model text,
    engines int,
    seats int,
    speed int,
    engine text
);

create table sample.region (r_regionkey int primary key, r_name text not null, r_comment text);

create table sample.nation (
    n_nationkey int primary key, n_name text not null, n_regionkey int not null, n_comment text
);

create table sample.supplier (
    s_suppkey int primary key,
    s_name text not null,
    s_address text not null,
    s_nationkey int not null,
    s_phone text not null,
    s_acctbal numeric(12, 2) not null,
    s_comment text
);

create table sample.customer (
    c_custkey int primary key,
    c_name text not null,
    c_address text not null,
    c_nationkey int not null,
    c_phone text not null,
    c_acctbal numeric(12, 2) not null,
    c_mktsegment text not null,
    c_comment text
);

create table sample.part (
    p_partkey int primary key,
    p_name text not null,
    p_mfgr text not null,
    p_brand text not null,
    p_type text not null,
    p_size int not null,
    p_container text not null,
    p_retailprice numeric(12, 2) not null,
    p_comment text
);

create table sample.partsupp (
    ps_partkey int not null,
    ps_suppkey int not null,
    ps_availqty int not null,
    ps_supplycost numeric(12, 2) not null,
    ps_comment text,
    primary key (ps_partkey, ps_suppkey)
);

create table sample.orders (
    o_orderkey bigint primary key,
    o_custkey int not null,
    o_orderstatus text not null,
    o_totalprice numeric(12, 2) not null,
    o_orderdate date not null,
    o_orderpriority text not null,
    o_clerk text not null,
    o_shippriority int not null,
    o_comment text
);

create table sample.lineitem (
    l_orderkey bigint not null,
    l_partkey int not null,
    l_suppkey int not null,
    l_linenumber int not null,
    l_quantity numeric(12, 2) not null,
    l_extendedprice numeric(12, 2) not null,
    l_discount numeric(12, 2) not null,
    l_tax numeric(12, 2) not null,
    l_returnflag text not null,
    l_linestatus text not null,
    l_shipdate date not null,
    l_commitdate date not null,
    l_receiptdate date not null,
    l_shipinstruct text not null,
    l_shipmode text not null,
    l_comment text,
    primary key (l_orderkey, l_linenumber)
);
