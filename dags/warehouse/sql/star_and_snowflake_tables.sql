-- One mart, twice: dimensions wide (star) and dimensions in normal form (snowflake), over the same fact.
-- Grain: a line of an order (fact); a part, a customer (dimensions). Engine: PostgreSQL.
drop table if exists fact_sales, star_part, star_customer, part, brand, manufacturer, customer, nation, region cascade;

create table fact_sales as
select
    l.l_partkey as part_key,
    o.o_custkey as customer_key,
    l.l_quantity as quantity,
    l.l_extendedprice as amount
from sample.lineitem as l inner join sample.orders as o on l.l_orderkey = o.o_orderkey
where o.o_orderkey <= 150000;

-- The star: one table a dimension, and the names of its levels repeated in each row.
create table star_part as
select
    p_partkey as part_key,
    p_name as name,
    p_brand as brand,
    p_mfgr as manufacturer
from sample.part;
alter table star_part add primary key (part_key);

create table star_customer as
select
    c.c_custkey as customer_key,
    c.c_name as name,
    n.n_name as nation,
    r.r_name as region
from sample.customer as c
inner join sample.nation as n on c.c_nationkey = n.n_nationkey
inner join sample.region as r on n.n_regionkey = r.r_regionkey;
alter table star_customer add primary key (customer_key);

-- The snowflake: each level a table of its own, each name once.
create table manufacturer (manufacturer_id int primary key, name text not null unique);
insert into manufacturer
select
    row_number() over (order by p_mfgr),
    p_mfgr
from sample.part
group by p_mfgr;

create table brand (
    brand_id int primary key, name text not null unique, manufacturer_id int not null references manufacturer
);
insert into brand
select
    row_number() over (order by p.p_brand),
    p.p_brand,
    min(m.manufacturer_id)
from sample.part as p inner join manufacturer as m on p.p_mfgr = m.name
group by p.p_brand;

create table part (part_key int primary key, name text not null, brand_id int not null references brand);
insert into part
select
    p.p_partkey,
    p.p_name,
    b.brand_id
from sample.part as p inner join brand as b on p.p_brand = b.name;

create table region (region_id int primary key, name text not null unique);
insert into region select
    r_regionkey,
    r_name
from sample.region;

create table nation (nation_id int primary key, name text not null unique, region_id int not null references region);
insert into nation select
    n_nationkey,
    n_name,
    n_regionkey
from sample.nation;

create table customer (customer_key int primary key, name text not null, nation_id int not null references nation);
insert into customer select
    c_custkey,
    c_name,
    c_nationkey
from sample.customer;

-- Named, for without names it would take a lock on every table of the database until the commit.
analyze fact_sales, star_part, star_customer, manufacturer, brand, part, region, nation, customer;
