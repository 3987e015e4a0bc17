"""Athena statements and what Trino answers, run on DuckDB after translation.

The answers are those of Trino's documentation and source; REFUSED marks what Athena can do and we
refuse by name, FAILS what Athena fails too.
"""

# ruff: noqa: E501, DTZ001 - statements read best on one line; Trino's timestamps have no zone

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp

from include.local_aws.athena.engine import Engine
from include.local_aws.athena.errors import QueryError
from include.local_aws.athena.parameters import bind
from include.local_aws.athena.queries import query_of
from include.local_aws.athena.relations import Relations, Table
from include.local_aws.athena.translation import translate
from include.local_aws.athena.types import Column
from include.local_aws.front.context import Context

REFUSED, FAILS = "refused", "fails"
ORDERS = Table(
    "main",
    "orders",
    (
        Column("id", "INTEGER"),
        Column("cat", "VARCHAR"),
        Column("amt", "DECIMAL(12,2)"),
        Column("ts", "TIMESTAMP"),
        Column("note", "VARCHAR"),
        Column("qty", "INTEGER"),
    ),
    (),
    {},
)
ROWS = """(1, 'a', 10.50, TIMESTAMP '2024-01-05 10:15:30.123', NULL, 10),
(2, 'b', 20.25, TIMESTAMP '2024-01-06 11:00:00', 'x', 20),
(3, 'a', NULL, TIMESTAMP '2024-02-01 00:00:00', 'y', 30),
(4, NULL, 5.00, NULL, 'z', NULL)"""
FIELD: list[tuple[str, str, Any]] = [
    ("int div", "select 7/2", [(3,)]),
    ("neg int div", "select -7/2", [(-3,)]),
    ("int/double", "select 7/2.0e0", [(3.5,)]),
    (
        "dec div 1/3.0",
        "select cast(1 as decimal(5,2))/cast(3 as decimal(5,2))",
        [(Decimal("0.33"),)],
    ),
    ("dec lit 1.0/3", "select 1.0/3", [(Decimal("0.3"),)]),
    (
        "dec mul",
        "select cast(1.25 as decimal(5,2))*cast(1.1 as decimal(3,1))",
        [(Decimal("1.375"),)],
    ),
    ("dec avg", "select avg(amt) from orders", [(Decimal("11.92"),)]),
    ("dec sum", "select sum(amt) from orders", [(Decimal("35.75"),)]),
    ("col int div", "select qty/3 from orders where id=1", [(3,)]),
    ("col/count", "select sum(qty)/count(*) from orders", [(15,)]),
    ("div by zero", "select 1/0", FAILS),
    ("mod", "select mod(-7,3), -7%3", [(-1, -1)]),
    (
        "order nulls last",
        "select qty from orders order by qty desc",
        [(30,), (20,), (10,), (None,)],
    ),
    ("order asc", "select qty from orders order by qty", [(10,), (20,), (30,), (None,)]),
    ("concat null", "select 'a'||note from orders where id=1", [(None,)]),
    ("concat fn", "select concat('a',note) from orders where id=1", [(None,)]),
    ("date_diff", "select date_diff('day', date '2024-01-01', date '2024-02-01')", [(31,)]),
    (
        "date_diff hour partial",
        "select date_diff('hour', timestamp '2024-01-01 00:59:00', timestamp '2024-01-01 01:01:00')",
        [(0,)],
    ),
    ("date_diff month", "select date_diff('month', date '2024-01-31', date '2024-02-29')", [(1,)]),
    ("date_add", "select date_add('month', 1, date '2024-01-31')", [(dt.date(2024, 2, 29),)]),
    ("date_add -", "select date_add('day', -7, date '2024-01-31')", [(dt.date(2024, 1, 24),)]),
    ("date_trunc", "select date_trunc('month', date '2024-01-31')", [(dt.date(2024, 1, 1),)]),
    (
        "date_trunc week",
        "select date_trunc('week', timestamp '2024-01-31 10:00:00')",
        [(dt.datetime(2024, 1, 29, 0, 0),)],
    ),
    (
        "date_parse",
        "select date_parse('2024-01-31 10:11:12','%Y-%m-%d %H:%i:%s')",
        [(dt.datetime(2024, 1, 31, 10, 11, 12),)],
    ),
    (
        "date_format",
        "select date_format(timestamp '2024-01-31 10:11:12','%Y-%m-%d %H:%i:%s')",
        [("2024-01-31 10:11:12",)],
    ),
    (
        "format_datetime",
        "select format_datetime(timestamp '2024-01-31 10:11:12','yyyy-MM-dd HH:mm')",
        [("2024-01-31 10:11",)],
    ),
    (
        "from_iso8601_timestamp",
        "select date(from_iso8601_timestamp('2024-01-31T10:11:12Z'))",
        [(dt.date(2024, 1, 31),)],
    ),
    ("from_iso8601_date", "select from_iso8601_date('2024-01-31')", [(dt.date(2024, 1, 31),)]),
    ("to_unixtime", "select to_unixtime(timestamp '2024-01-01 00:00:00')", [(1704067200.0,)]),
    ("from_unixtime", "select date(from_unixtime(1704067200))", [(dt.date(2024, 1, 1),)]),
    (
        "year/dow",
        "select year(ts), day_of_week(ts), week(ts) from orders where id=1",
        [(2024, 5, 1)],
    ),
    ("dow sunday", "select day_of_week(date '2024-01-07')", [(7,)]),
    ("last_day", "select last_day_of_month(date '2024-02-10')", [(dt.date(2024, 2, 29),)]),
    ("interval", "select date '2024-01-31' + interval '1' day", [(dt.date(2024, 2, 1),)]),
    (
        "at_timezone",
        "select cast(at_timezone(timestamp '2024-01-01 00:00:00 UTC','Europe/Paris') as varchar)",
        REFUSED,
    ),
    (
        "at time zone",
        "select cast(timestamp '2024-01-01 00:00:00 UTC' AT TIME ZONE 'America/New_York' as varchar)",
        REFUSED,
    ),
    (
        "ts cast varchar",
        "select cast(ts as varchar) from orders where id=1",
        [("2024-01-05 10:15:30.123",)],
    ),
    (
        "ts cast varchar2",
        "select cast(timestamp '2024-01-05 10:15:30' as varchar)",
        [("2024-01-05 10:15:30",)],
    ),
    ("approx_distinct", "select approx_distinct(cat) from orders", [(2,)]),
    ("approx_percentile", "select approx_percentile(qty,0.5) from orders", [(20,)]),
    (
        "approx_percentile arr",
        "select approx_percentile(qty,ARRAY[0.5,0.9]) from orders",
        [([20, 30],)],
    ),
    ("try_cast", "select try_cast('x' as integer), try_cast('5' as bigint)", [(None, 5)]),
    ("try", "select try(cast('x' as integer)), try(1/0)", [(None, None)]),
    (
        "cast dec to int round",
        "select cast(2.5 as integer), cast(1.5e0 as integer), cast(-2.5 as integer)",
        [(3, 2, -3)],
    ),
    ("cast trunc vs round bigint", "select cast(3.7 as bigint)", [(4,)]),
    ("round half", "select round(2.5), round(2.345,2)", [(Decimal("3"), Decimal("2.350"))]),
    ("element_at arr", "select element_at(ARRAY[1,2,3],-1), element_at(ARRAY[1],5)", [(3, None)]),
    ("subscript", "select ARRAY[1,2,3][2]", [(2,)]),
    ("subscript oob", "select ARRAY[1,2,3][9]", FAILS),
    (
        "map",
        "select element_at(MAP(ARRAY['a','b'],ARRAY[1,2]),'b'), MAP(ARRAY['a'],ARRAY[1])['a']",
        [(2, 1)],
    ),
    (
        "map_keys",
        "select map_keys(MAP(ARRAY['a','b'],ARRAY[1,2])), cardinality(MAP(ARRAY['a','b'],ARRAY[1,2]))",
        [(["a", "b"], 2)],
    ),
    ("map_agg", "select map_agg(id,qty) from orders where id<3", [({1: 10, 2: 20},)]),
    (
        "unnest",
        "select t.x from (select ARRAY[3,1,2] a) s cross join unnest(a) as t(x)",
        [(3,), (1,), (2,)],
    ),
    (
        "unnest ordinality",
        "select t.x,t.n from (select ARRAY['p','q'] a) s cross join unnest(a) with ordinality as t(x,n)",
        [("p", 1), ("q", 2)],
    ),
    (
        "unnest map",
        "select k,v from unnest(MAP(ARRAY['a','b'],ARRAY[1,2])) as t(k,v)",
        [("a", 1), ("b", 2)],
    ),
    (
        "unnest seq dates",
        "select d from unnest(sequence(date '2024-01-01',date '2024-01-03',interval '1' day)) as t(d)",
        [(dt.date(2024, 1, 1),), (dt.date(2024, 1, 2),), (dt.date(2024, 1, 3),)],
    ),
    ("sequence", "select sequence(1,5,2)", [([1, 3, 5],)]),
    ("cardinality/contains", "select cardinality(ARRAY[1,2]), contains(ARRAY[1,2],2)", [(2, True)]),
    ("split", "select split('a,b,c',','), split_part('a,b,c',',',2)", [(["a", "b", "c"], "b")]),
    (
        "array_join",
        "select array_join(array_agg(cat order by id),'|') from orders where cat is not null",
        [("a|b|a",)],
    ),
    ("array_join null", "select array_join(ARRAY['a',null,'b'],',')", [("a,b",)]),
    (
        "array fns",
        "select array_distinct(ARRAY[1,1,2]), array_sort(ARRAY[3,1,2]), array_max(ARRAY[1,5,2])",
        [([1, 2], [1, 2, 3], 5)],
    ),
    (
        "transform/filter",
        "select transform(ARRAY[1,2,3],x->x*2), filter(ARRAY[1,2,3],x->x>1)",
        [([2, 4, 6], [2, 3])],
    ),
    ("reduce", "select reduce(ARRAY[1,2,3],0,(s,x)->s+x,s->s)", [(6,)]),
    (
        "json_extract_scalar",
        'select json_extract_scalar(\'{"a":{"b":"v"},"n":5}\',\'$.a.b\'), json_extract_scalar(\'{"n":5}\',\'$.n\'), json_extract_scalar(\'{"a":{"b":1}}\',\'$.a\')',
        [("v", "5", None)],
    ),
    (
        "json_extract cast",
        "select cast(json_extract('{\"a\":[1,2]}','$.a') as array(integer))",
        [([1, 2],)],
    ),
    ("json_parse", "select json_format(json_parse('{\"a\": 1}'))", [('{"a":1}',)]),
    (
        "regexp_like",
        "select regexp_like('abc123','[0-9]+'), regexp_extract('abc123','([a-z]+)([0-9]+)',2), regexp_replace('a1b2','[0-9]','')",
        [(True, "123", "ab")],
    ),
    ("regexp_extract nomatch", "select regexp_extract('abc','[0-9]+')", [(None,)]),
    ("regexp_extract_all", "select regexp_extract_all('a1b22','[0-9]+')", [(["1", "22"],)]),
    (
        "window",
        "select id, row_number() over (partition by cat order by id desc) rn, lag(qty) over (order by id) from orders order by id",
        [(1, 2, None), (2, 1, 10), (3, 1, 20), (4, 1, 30)],
    ),
    (
        "window nulls",
        "select id, rank() over (order by qty) from orders order by id",
        [(1, 1), (2, 2), (3, 3), (4, 4)],
    ),
    (
        "lag ignore nulls",
        "select id, lag(qty) ignore nulls over (order by id) from orders order by id",
        [(1, None), (2, 10), (3, 20), (4, 30)],
    ),
    (
        "grouping sets",
        "select cat, grouping(cat), count(*) from orders group by grouping sets ((cat),()) order by 2,1",
        [("a", 0, 2), ("b", 0, 1), (None, 0, 1), (None, 1, 4)],
    ),
    (
        "rollup",
        "select cat, sum(qty) from orders where id<4 group by rollup(cat) order by 1",
        [("a", 40), ("b", 20), (None, 60)],
    ),
    ("filter agg", "select count(*) filter (where qty>10), count_if(qty>10) from orders", [(2, 2)]),
    ("max_by", "select max_by(cat,qty), min_by(cat,qty) from orders", [("a", "a")]),
    ("arbitrary", "select arbitrary(cat) from orders where id=2", [("b",)]),
    ("if", "select if(qty>15,'hi','lo'), if(qty>100,'x') from orders where id=2", [("hi", None)]),
    (
        "coalesce nullif",
        "select coalesce(note,'-'), nullif(1,1) from orders where id=1",
        [("-", None)],
    ),
    ("greatest null", "select greatest(1,null)", [(None,)]),
    ("row", "select cast(row(1,'x') as row(a integer,b varchar)).b", [("x",)]),
    (
        "struct field",
        "select r.a from (select cast(row(1,'x') as row(a integer,b varchar)) r) t",
        [(1,)],
    ),
    (
        "substr",
        "select substr('hello',2,3), substr('hello',-3), strpos('hello','l'), length('hé')",
        [("ell", "llo", 3, 2)],
    ),
    (
        "lpad",
        "select lpad('5',3,'0'), trim('  a '), upper('a'), reverse('abc')",
        [("005", "a", "A", "cba")],
    ),
    ("like esc", "select 'a_b' like 'a\\_b' escape '\\'", [(True,)]),
    ("eq case", "select 'A'='a'", [(False,)]),
    ("is distinct from", "select null is distinct from 1", [(True,)]),
    ("values", "select * from (values (1,'a'),(2,'b')) as t(x,y) order by x", [(1, "a"), (2, "b")]),
    (
        "with",
        "with q as (select cat,sum(amt) s from orders group by cat) select s from q where cat='a'",
        [(Decimal("10.50"),)],
    ),
    ("except", "select id from orders except select 1 order by 1", [(2,), (3,), (4,)]),
    ("limit offset", "select id from orders order by id offset 1 limit 2", [(2,), (3,)]),
    ("fetch first", "select id from orders order by id fetch first 1 rows only", [(1,)]),
    (
        "md5/to_hex",
        "select lower(to_hex(md5(to_utf8('a'))))",
        [("0cc175b9c0f1b6a831c399e269772661",)],
    ),
    (
        "sha256",
        "select lower(to_hex(sha256(to_utf8('a'))))",
        [("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",)],
    ),
    ("xxhash", "select to_hex(xxhash64(to_utf8('a')))", REFUSED),
    (
        "url",
        "select url_extract_host('https://x.com/a?b=1'), url_decode('a%20b')",
        [("x.com", "a b")],
    ),
    (
        "corr/stddev",
        "select round(stddev(qty),3), round(var_pop(qty),3), corr(qty,id) from orders",
        [(10.0, 66.667, 1.0)],
    ),
    ("width_bucket", "select width_bucket(5,0,10,5)", [(3,)]),
    ("listagg", "select listagg(cat,',') within group (order by id) from orders", [("a,b,a",)]),
    ("histogram", "select histogram(cat) from orders where cat is not null", [({"a": 2, "b": 1},)]),
    (
        "typeof",
        "select typeof(1), typeof(1.5), typeof(current_timestamp)",
        [("integer", "decimal(2,1)", "timestamp(3) with time zone")],
    ),
    ("double quoted ident", 'select "id" as "My Col" from "orders" where id=1', [(1,)]),
    ("catalog qualified", 'select count(*) from "awsdatacatalog"."main"."orders"', [(4,)]),
    ("$path", 'select "$path" from orders limit 1', [("s3://lake/orders/1",)]),
    ("execute params", "select id from orders where cat = ? and qty > ?", FAILS),
]
MORE: list[tuple[str, str, Any]] = [
    (
        "decimal division rounds half up",
        "select cast(2 as decimal(5,2))/3, cast(-2 as decimal(5,2))/3, 1.00/8",
        [(Decimal("0.67"), Decimal("-0.67"), Decimal("0.13"))],
    ),
    (
        "division of sums",
        "select sum(amt)/sum(qty) from orders where qty is not null",
        [(Decimal("0.51"),)],
    ),
    ("decimal division by zero", "select amt/0 from orders where id=1", FAILS),
    ("mod zero", "select 5 % 0", FAILS),
    (
        "avg over a window",
        "select id, avg(amt) over (order by id) from orders order by id",
        [
            (1, Decimal("10.50")),
            (2, Decimal("15.38")),
            (3, Decimal("15.38")),
            (4, Decimal("11.92")),
        ],
    ),
    (
        "avg filter of nothing",
        "select avg(amt) filter (where id>9), sum(qty) filter (where id>9) from orders",
        [(None, None)],
    ),
    (
        "sum of int is bigint",
        "select typeof(a), typeof(b), typeof(c), typeof(d) from (select sum(qty) a, count(*) b, sum(amt) c, avg(amt) d from orders) t",
        [("bigint", "bigint", "decimal(38,2)", "decimal(12,2)")],
    ),
    (
        "double to integer rounds half up",
        "select cast(2.5e0 as integer), cast(-2.5e0 as bigint), cast(0.5e0 as integer)",
        [(3, -3, 1)],
    ),
    (
        "double to decimal from shortest digits",
        "select cast(1.005e0 as decimal(5,2))",
        [(Decimal("1.01"),)],
    ),
    (
        "text to integer is strict",
        "select try_cast('1.5' as integer), try_cast(' 7' as bigint), try_cast('1e3' as integer)",
        [(None, None, None)],
    ),
    ("text to integer fails", "select cast('1.5' as integer)", FAILS),
    (
        "text to date is strict",
        "select try_cast('2024-01-05 10:00:00' as date), try_cast('2024/01/05' as date)",
        [(None, None)],
    ),
    ("varchar(n) cuts", "select cast('hello' as varchar(3))", [("hel",)]),
    ("decimal literal", "select decimal '1.50' + 1", [(Decimal("2.50"),)]),
    ("text is not a number", "select count(*) from orders where cat = 1", FAILS),
    ("date is not text", "select date '2024-01-01' = '2024-01-01'", FAILS),
    ("date minus date", "select date '2024-01-02' - date '2024-01-01'", REFUSED),
    ("hours of a date", "select date_add('hour', 1, date '2024-01-01')", FAILS),
    (
        "element_at counts from one",
        "select element_at(ARRAY[5,6,7],2), ARRAY[5,6,7][2], element_at(ARRAY[5],9)",
        [(6, 6, None)],
    ),
    ("missing key", "select MAP(ARRAY['a'],ARRAY[1])['b']", FAILS),
    (
        "wall clock of a zone",
        "select cast(ts at time zone 'America/New_York' as date), hour(at_timezone(ts,'Europe/Paris')) from orders where id=3",
        [(dt.date(2024, 1, 31), 1)],
    ),
    (
        "group by the source column",
        "select upper(cat) as cat, count(*) from orders where cat is not null group by cat order by 2",
        [("B", 1), ("A", 2)],
    ),
    (
        "a WITH query hides its table",
        "with orders as (select id from orders where id < 3) select count(*) from orders",
        [(2,)],
    ),
    (
        "correlated subquery",
        "select id, (select max(o.qty) from orders o where o.id <= p.id) / 3 from orders p order by id",
        [(1, 3), (2, 6), (3, 10), (4, 10)],
    ),
    (
        "scalar subquery division",
        "select (select sum(qty) from orders) / (select count(*) from orders)",
        [(15,)],
    ),
    (
        "in a derived table",
        "select avg(x)/2 from (select amt*2 as x from orders) t",
        [(Decimal("11.92"),)],
    ),
    (
        "union types",
        "select x/4 from (select 1 as x union all select 2.5) t order by 1",
        [(Decimal("0.3"),), (Decimal("0.6"),)],
    ),
    ("regexp groups", "select regexp_replace('ab','(a)(b)','$2$1')", [("ba",)]),
    ("an unknown function", "select soundex(cat) from orders", REFUSED),
    ("a function of DuckDB", "select list_sum([1]) from orders", FAILS),
    (
        "order by an aggregate",
        "select cat from orders group by cat order by sum(qty)/3 desc, avg(amt)",
        [("a",), ("b",), (None,)],
    ),
    (
        "order by an alias in an expression",
        "select id, qty/7 as q from orders where qty is not null order by q/2 desc, id",
        [(3, 4), (2, 2), (1, 1)],
    ),
    (
        "an integer beside a decimal has all its digits",
        "select typeof(x), typeof(y), typeof(z), x, y, z from (select amt * qty as x, amt - 1 as y, amt * amt as z from orders where id = 1) t",
        [
            (
                "decimal(22,2)",
                "decimal(13,2)",
                "decimal(24,4)",
                Decimal("105.00"),
                Decimal("9.50"),
                Decimal("110.2500"),
            )
        ],
    ),
    (
        "decimals of 18 digits do not overflow",
        "select cast(9999999999999999.99 as decimal(18,2)) * 1000, cast(9999999999999999.99 as decimal(18,2)) + 0.01",
        [(Decimal("9999999999999999990.00"), Decimal("10000000000000000.00"))],
    ),
    (
        "date_diff of months",
        "select date_diff('month', date '2024-02-29', date '2024-01-31'), date_diff('month', date '2024-01-31', date '2024-03-30'), date_diff('year', date '2024-02-29', date '2025-02-28'), date_diff('quarter', date '2024-01-31', date '2024-04-30')",
        [(-1, 1, 1, 1)],
    ),
    (
        "date_diff of months and hours",
        "select date_diff('month', timestamp '2024-01-31 12:00:00', timestamp '2024-02-29 06:00:00')",
        [(0,)],
    ),
    (
        "unnest side by side",
        "select a, b from unnest(ARRAY[1,2,3], ARRAY['x']) as t(a,b) order by a",
        [(1, "x"), (2, None), (3, None)],
    ),
    (
        "unnest map of a column",
        "select id, k, v, n from (select id, MAP(ARRAY[cat,'z'],ARRAY[qty,0]) m from orders where id < 3) o cross join unnest(m) with ordinality as t(k,v,n) order by id, n",
        [(1, "a", 10, 1), (1, "z", 0, 2), (2, "b", 20, 1), (2, "z", 0, 2)],
    ),
    (
        "unnest rows",
        "select a + 1, b from unnest(ARRAY[cast(row(1,'x') as row(p integer,q varchar))]) as t(a,b)",
        [(2, "x")],
    ),
    ("unnest decides types", "select v/2 from unnest(MAP(ARRAY['a'],ARRAY[7])) as t(k,v)", [(3,)]),
    (
        "array_distinct keeps order and null",
        "select array_distinct(ARRAY[2,null,1,2,null])",
        [([2, None, 1],)],
    ),
    (
        "width_bucket downwards",
        "select width_bucket(5,10,0,5), width_bucket(-1,0,10,5), width_bucket(10,0,10,5), width_bucket(0.3e0,0,1,10)",
        [(3, 0, 6, 4)],
    ),
    ("width_bucket of nothing", "select width_bucket(5,1,1,5)", FAILS),
    ("reduce with a finish", "select reduce(ARRAY[1,2,3],0,(s,x)->s+x,s->s*10)", [(60,)]),
    (
        "reduce of an unclear type",
        "select reduce(ARRAY[1,2,3],cast(0 as double),(s,x)->s+x,s->s)",
        REFUSED,
    ),
    (
        "regexp_extract_all of a group",
        "select regexp_extract_all('a1b2','([a-z])[0-9]',1)",
        [(["a", "b"],)],
    ),
    ("a group that may be absent", "select regexp_extract_all('a1b','([a-z])([0-9])?',2)", REFUSED),
    ("a group of nothing", "select histogram(cat) from orders where id > 9", [(None,)]),
    (
        "a star has no hidden column",
        'select * from (select *, "$path" as p from orders where id = 4) t',
        [(4, None, Decimal("5.00"), None, "z", None, "s3://lake/orders/1")],
    ),
    (
        "a hidden column in WHERE",
        """select count(*) from orders where "$path" like '%orders/1'""",
        [(4,)],
    ),
    (
        "hidden columns of two tables",
        'select o."$path" = p."$path" from orders o join orders p on o.id = p.id where o.id = 1',
        [(True,)],
    ),
    (
        "an ambiguous hidden column",
        'select "$path" from orders o join orders p on o.id = p.id',
        FAILS,
    ),
    (
        "width_bucket of null",
        "select width_bucket(-1,null,5,3), width_bucket(null,0,5,3)",
        [(None, None)],
    ),
    (
        "reduce of no array",
        "select reduce(cast(null as array(integer)),0,(s,x)->s+x,s->coalesce(s,7))",
        [(None,)],
    ),
    (
        "unnest beside nothing",
        "select id, e from orders cross join unnest(cast(null as array(integer)), ARRAY[1]) as t(d,e) where id=1",
        [(1, 1)],
    ),
    ("values alone", "values (1, 'a'), (2, 'b')", [(1, "a"), (2, "b")]),
    (
        "case does not convert",
        "select concat('a', cast(1 as varchar)), 'n' || cast(amt as varchar) from orders where id=1",
        [("a1", "n10.50")],
    ),
]
CASES = FIELD + MORE
MOST_REFUSED = 8


class OneTable(Relations):
    """A catalog in which every name is `orders`."""

    def find(self, node: exp.Table, database: str) -> Table:
        """Give the table."""
        return ORDERS


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """One connection for all cases, with the table behind every scan."""
    scratch = tmp_path_factory.mktemp("cases")
    made = Engine(Context("http://127.0.0.1:1", scratch, "us-east-1", "0", 1, ""), scratch, 1)
    columns = ", ".join(f"{column.name} {column.type}" for column in ORDERS.columns)
    made.run(f"CREATE TABLE _scan_0 ({columns})")
    made.run(f"INSERT INTO _scan_0 VALUES {ROWS}")
    made.run("ALTER TABLE _scan_0 ADD COLUMN \"$path\" VARCHAR DEFAULT 's3://lake/orders/1'")
    for number in (1, 2, 3):
        made.run(f"CREATE VIEW _scan_{number} AS FROM _scan_0")
    return made


def _answer(sql: str, engine: Engine) -> list[tuple[Any, ...]]:
    relations = OneTable(lambda action, request: {})
    translation = translate(query_of(bind(sql, [])), "main", relations, engine)
    rows: list[tuple[Any, ...]] = engine.run(translation.sql).fetchall()
    return rows


@pytest.mark.parametrize(
    ("sql", "expected"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_a_statement_gives_what_trino_gives(sql: str, expected: Any, engine: Engine) -> None:
    if expected in (REFUSED, FAILS):
        with pytest.raises(QueryError) as failure:
            _answer(sql, engine)
        refused = failure.value.name == "NOT_SUPPORTED"
        assert refused or expected == FAILS, failure.value
        return
    found = _answer(sql, engine)
    if "order by" not in sql:  # SQL promises no order then
        found, expected = sorted(found, key=repr), sorted(expected, key=repr)
    assert found == expected
    kinds = [type(value) for row in found for value in row if not isinstance(value, bool)]
    assert kinds == [type(v) for row in expected for v in row if not isinstance(v, bool)]


def test_no_case_was_lost() -> None:
    assert len(FIELD) == 106
    assert len(CASES) == 163
    assert len({name for name, _, _ in CASES}) == len(CASES)


def test_few_of_the_fields_statements_are_refused() -> None:
    refused = [name for name, _, expected in FIELD if expected == REFUSED]
    assert refused == ["at_timezone", "at time zone", "xxhash"]
    assert len(refused) <= MOST_REFUSED


def test_parameters_take_the_places_of_the_question_marks(engine: Engine) -> None:
    sql = "select id, '?' from orders where cat = ? and qty > ? limit ?"
    assert _answer(bind(sql, ["'a'", "10 + 5", "1"]), engine) == [(3, "?")]
    assert _answer(bind(sql, ["'it''s ?'", "-1", "1"]), engine) == []
    day = "select id from orders where ts >= ?"
    assert _answer(bind(day, ["TIMESTAMP '2024-02-01 00:00:00'"]), engine) == [(3,)]


@pytest.mark.parametrize(
    "text",
    ["id", "1, 2", "1 from orders", "(select 1)", "1) or (1=1", "1 -- x", "", "'a", "1 as x"],
)
def test_a_parameter_is_one_constant(text: str) -> None:
    with pytest.raises(QueryError, match="SYNTAX_ERROR"):
        bind("select ?", [text])


def test_as_many_parameters_as_question_marks() -> None:
    with pytest.raises(QueryError, match="expected 2 but found 1"):
        bind("select ?, ?", ["1"])


def test_the_scratch_folder_is_not_needed(tmp_path: Path) -> None:
    context = Context("http://127.0.0.1:1", tmp_path, "us-east-1", "0", 1, "")
    engine = Engine(context, tmp_path / "absent", 1)
    assert engine.columns("SELECT 1 AS a") == [Column("a", "INTEGER")]
