-- Orders in normal form (order, customer, nation), and once more in one wide table.
-- Grain: an order. Engine: PostgreSQL.
drop table if exists orders, orders_wide, orders_unguarded, customer, nation cascade;

create table nation (nation_id int primary key, name text not null unique);
insert into nation select
    n_nationkey,
    n_name
from sample.nation;

create table customer (
    customer_id int primary key, name text not null, segment text not null, nation_id int not null references nation
);
insert into customer select
    c_custkey,
    c_name,
    c_mktsegment,
    c_nationkey
from sample.customer;

create table orders (
    order_id bigint primary key,
    customer_id int not null references customer,
    order_date date not null,
    amount numeric(12, 2) not null
);
insert into orders
select
    o_orderkey,
    o_custkey,
    o_orderdate,
    o_totalprice
from sample.orders
where o_orderkey <= 150000;
create table orders_unguarded (like orders including indexes); -- in normal form too, but without foreign keys

create table orders_wide as
select
    o.order_id,
    o.customer_id,
    o.order_date,
    o.amount,
    c.name as customer_name,
    c.segment,
    c.nation_id,
    n.name as nation_name
from orders as o
inner join customer as c on o.customer_id = c.customer_id
inner join nation as n on c.nation_id = n.nation_id;
alter table orders_wide add primary key (order_id);

-- Named, for without names it would take a lock on every table of the database until the commit.
analyze nation, customer, orders, orders_wide;
