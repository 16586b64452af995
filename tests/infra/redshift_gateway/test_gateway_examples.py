"""Every COPY and UNLOAD on AWS' pages of examples is taken, or refused by a name that stands in it.

https://docs.aws.amazon.com/redshift/latest/dg/r_COPY_command_examples.html
https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD_command_examples.html
https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-authorization.html
https://docs.aws.amazon.com/redshift/latest/dg/ingest-super.html
"""

from typing import Any

import pytest

from redshift_gateway.errors import GatewayError
from redshift_gateway.statements.copy_parser import is_copy_from_location, parse_copy
from redshift_gateway.statements.lexer import join, tokenize
from redshift_gateway.statements.unload_parser import is_unload, parse_unload, with_escapes

ROLE = "iam_role 'arn:aws:iam::0123456789012:role/MyRedshiftRole'"
COPIES = [
    "listing from 's3://lake/data/listing/' {role};",
    "category from 's3://lake/custdata' {role};",
    "customer from 's3://lake/cust.manifest' {role} manifest;",
    "listing from 's3://lake/data/listings/parquet/' {role} format as parquet;",
    "listing from 's3://lake/listings_pipe.txt' access_key_id '<id>' secret_access_key '<key>' session_token '<token>'",
    "event from 's3://lake/e.txt' {role} removequotes emptyasnull blanksasnull maxerror 5 delimiter '|'",
    "venue from 's3://lake/v.txt' {role} fixedwidth 'venueid:3,venuename:25,venuecity:12,venuestate:2,venueseats:6';",
    "category from 's3://lake/data/category_csv.txt' {role} csv;",
    "category from 's3://lake/data/category_csv.txt' {role} csv quote as '%';",
    "venue from 's3://lake/data/venue.txt' {role} explicit_ids;",
    "time from 's3://lake/data/timerows.gz' {role} gzip delimiter '|';",
    "timestamp1 from 's3://lake/data/time.txt' {role} timeformat 'YYYY-MM-DD HH:MI:SS';",
    "venue_new(venueid, venuename, venuecity, venuestate) from 's3://lake/noseats.txt' {role} delimiter '|';",
    "venue(venueid, venuename, venuecity, venuestate) from 's3://lake/pipe.txt' {role} delimiter '|' explicit_ids;",
    "redshiftinfo from 's3://lake/data/redshiftinfo.txt' {role} delimiter '|' escape;",
    "category from 's3://lake/category_object_auto.json' {role} json 'auto';",
    "category from 's3://lake/category_object_auto ignorecase.json' {role} json 'auto ignorecase';",
    "category from 's3://lake/category_object_paths.json' {role} json 's3://lake/category_jsonpath.json';",
    "category from 's3://lake/category_auto.avro' {role} format as avro 'auto';",
    "category from 's3://lake/category_auto-ignorecase.avro' {role} format as avro 'auto ignorecase';",
    "category from 's3://lake/category_object_paths.avro' {role} format avro 's3://lake/category_path.avropath ';",
    "t2 from 's3://lake/data/nlTest2.txt' {role} escape delimiter as '|';",
    "loadvenuenulls from 's3://lake/nulls/' {role} null as 'fred';",
    "loadvenuenulls from 's3://lake/nulls/' {role} EMPTYASNULL;",
    "customer from 's3://lake/x' iam_role default;",
    "customer from 's3://lake/x' credentials 'aws_access_key_id=a;aws_secret_access_key=b;token=c'",
    "customer from 's3://lake/x' with credentials as 'aws_iam_role=arn:aws:iam::1:role/r'",
    "region_nations_noshred FROM 's3://lake/region_nation' REGION 'us-east-1' {role} FORMAT JSON 'noshred';",
    "region_nations FROM 's3://lake/region_nation' REGION 'us-east-1' {role} DELIMITER ',' ESCAPE;",
]
REFUSED_COPIES = {
    "favoritemovies from 'dynamodb://Movies' {role} readratio 50;": "dynamodb",
    "sales from 'emr://j-SAMPLE2B500FC/myoutput/part-*' {role} delimiter '\\t' lzop;": "emr",
    "sales from 's3://lake/a' {role} delimiter '\\t' lzop;": "LZOP",
    "sales from 's3://lake/ssh.manifest' {role} ssh;": "SSH",
    "loadvenue from 's3://lake/m' {role} master_symmetric_key 'EXAMPLE' manifest encrypted;": "MASTER_SYMMETRIC_KEY",
    "customer from 's3://lake/x' credentials 'aws_iam_role=r;master_symmetric_key=k'": "MASTER_SYMMETRIC_KEY",
    "norway_natural FROM 's3://lake/n.shp' FORMAT SHAPEFILE CREDENTIALS 'aws_iam_role=r';": "SHAPEFILE",
    "norway_water FROM 's3://lake/n.shp' FORMAT SHAPEFILE SIMPLIFY AUTO 1.1E-05 MAXERROR 2 {role};": "SHAPEFILE",
    "region_nations FROM 's3://lake/region_nation' {role} FORMAT PARQUET SERIALIZETOJSON;": "SERIALIZETOJSON",
    "t from 's3://lake/a' {role} access_key_id 'a' secret_access_key 'b'": "IAM_ROLE",
    "t from 's3://lake/a' {role} gzip bzip2": "one compression",
    "t from 's3://lake/a' {role} csv removequotes": "REMOVEQUOTES",
    "t from 's3://lake/a' {role} maxerror 5 ignoreallerrors": "IGNOREALLERRORS",
    "t from 's3://lake/a' {role} delimiter '|~|'": "DELIMITER",
}
VENUE = "unload ('select * from venue') to 's3://lake/venue_' {role} "
UNLOADS = [
    *(VENUE + options for options in (
        "", "PARQUET PARTITION BY (l_shipdate)", "PARQUET PARTITION BY (l_shipdate) INCLUDE", "JSON", "CSV",
        "CSV DELIMITER AS '|'", "manifest", "manifest verbose", "header parallel off", "maxfilesize 1 gb",
        "parallel off", "parallel off gzip", "delimiter as '\\t'", "delimiter as '\\t' gzip", "extension 'txt.gz' gzip",
        "delimiter ',' addquotes", "null as 'fred'", "allowoverwrite", "manifest allowoverwrite",
        "parallel on manifest", "parallel off manifest", "partition by (eventname) manifest",
        "maxfilesize 256 MB rowgroupsize 128 MB parallel on parquet manifest", "NULL AS 'null' ALLOWOVERWRITE CSV",
    )),
    "unload ('select * from venue where venuestate=''NV''') to 's3://lake/v' {role}",
    "unload ('select * from v where id in (select id from v order by id desc limit 10)') to 's3://lake/v' {role};",
    "unload ('select sum(p) over(rows between 3 preceding and 3 following) from s order by 1') to 's3://lake/w' {role}",
]  # fmt: skip
REFUSED_UNLOADS = {
    VENUE + "kms_key_id '1234abcd-12ab-34cd-56ef-1234567890ab' manifest encrypted": "KMS_KEY_ID",
    VENUE + "master_symmetric_key 'EXAMPLE' encrypted": "MASTER_SYMMETRIC_KEY",
    VENUE + "fixedwidth as 'venueid:3,venuename:39,venuecity:16,venuestate:2,venueseats:6'": "FIXEDWIDTH",
    VENUE + "csv addquotes": "ADDQUOTES",
    VENUE + "csv escape": "ESCAPE",
    VENUE + "json null as 'x'": "NULL AS",
    VENUE + "rowgroupsize 64 mb": "ROWGROUPSIZE",
    "unload ('select * from venue limit 10') to 's3://lake/venue_pipe_' {role}": "Limit",
}


def parse(sql: str) -> None:
    tokens = tokenize(with_escapes(sql.format(role=ROLE)))
    if is_unload(tokens):
        parse_unload(tokens, join)
    else:
        assert is_copy_from_location(tokens)
        parse_copy(tokens)


@pytest.mark.parametrize("sql", [*(f"copy {rest}" for rest in COPIES), *UNLOADS])
def test_an_example_is_taken(sql: str) -> None:
    parse(sql.rstrip(";"))


@pytest.mark.parametrize(
    ("sql", "says"), [*((f"copy {rest}", says) for rest, says in REFUSED_COPIES.items()), *REFUSED_UNLOADS.items()]
)
def test_an_example_is_refused_by_name(sql: str, says: str) -> None:
    with pytest.raises(GatewayError, match=says):
        parse(sql.rstrip(";"))


FILES = {  # the data on AWS' page, the statement's options, the table, what is loaded
    "a file with default values": (
        "1|Toyota Park|Bridgeview|IL|\n9|Dick's Sporting Goods Park|Commerce City|CO|\n",
        "delimiter '|'",
        "id smallint not null, name varchar(100) not null, city varchar(30), state char(2), seats int default '1000'",
        [(1, "Toyota Park", "Bridgeview", "IL", 1000), (9, "Dick's Sporting Goods Park", "Commerce City", "CO", 1000)],
    ),
    "a fixed-width file": (
        "1  Toyota Park              Bridgeview  IL0\n4  CommunityAmerica BallparkKansas City KS68756\n",
        "fixedwidth 'venueid:3,venuename:25,venuecity:12,venuestate:2,venueseats:6' trimblanks",
        "id smallint, name varchar(100), city varchar(30), state char(2), seats int",
        [(1, "Toyota Park", "Bridgeview", "IL", 0), (4, "CommunityAmerica Ballpark", "Kansas City", "KS", 68756)],
    ),
    "JSON 'auto'": (
        '{\n    "catdesc": "b",\n    "catid": 2\n}{\n    "catid": 3,\n    "bogus": "x"\n}\n{\n    "catid": 4\n}\n',
        "json 'auto'",
        "catid int, catdesc varchar(9)",
        [(2, "b"), (3, None), (4, None)],
    ),
    "escaped newlines": (
        "<xml start>\\\n<line in content>\\\n</xml>|1000\n<xml>\\\n</xml>|2000\n",
        "escape delimiter as '|'",
        "c1 varchar(99), c2 int",
        [("<xml start>\n<line in content>\n</xml>", 1000), ("<xml>\n</xml>", 2000)],
    ),
    "escapes in JSON": (
        '{"backslash": "This is a backslash: \\\\", "newline": "a\\n b", "tab": "c \\t d"}\n',
        "format as json 'auto'",
        "backslash varchar(25), newline varchar(35), tab varchar(35)",
        [("This is a backslash: \\", "a\n b", "c \t d")],
    ),
    "CSV with another quote": (
        '12,Musical theatre\n13,%All "non-musical" theatre%\n14,%All opera, light, and "rock" opera%\n',
        "csv quote as '%'",
        "catid int, catdesc varchar(50)",
        [(12, "Musical theatre"), (13, 'All "non-musical" theatre'), (14, 'All opera, light, and "rock" opera')],
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_an_example_loads_what_the_page_says(connection: Any, put: Any, credentials: str, name: str) -> None:
    content, options, columns, wanted = FILES[name]
    listed = "(id, name, city, state)" if "default" in columns else ""
    connection.execute(f"drop table if exists example; create table example ({columns})")
    url = put(f"examples/{name}", content.encode())
    connection.execute(f"copy example {listed} from '{url.replace(chr(39), chr(39) * 2)}' {credentials} {options}")
    assert connection.execute("select * from example order by 1").fetchall() == wanted
