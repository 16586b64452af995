"""AWS' own examples on its pages of functions, run once each: the gateway gives the value that the page prints.

https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions.html

Examples of AWS' sample tables have the values of a row in place of the column, and patterns [.] where the pages have a
dot after two backslashes. Left out is what the tables of behaviours hold as different or refused, and two values that
the pages themselves contradict: DATEDIFF of quarters (40 for 39), DATE_PART of a minute (6 for 5).
"""

import psycopg

# A page, a select list, and what the page prints, a comma between the values of two calls.
EXAMPLES = """
    r_ADD_MONTHS | add_months('2008-03-31', 1), add_months('2008-04-30', 1), trunc(add_months(date '2008-01-01', 12)) | 2008-04-30 00:00:00, 2008-05-31 00:00:00, 2009-01-01
    r_DATE_CMP | date_cmp('2008-01-01', '2008-01-04'), date_cmp('2008-01-05', '2008-01-04') | -1, 1
    r_DATE_PART_YEAR | date_part_year('20220502 04:05:06.789'::date) | 2022
    r_DATE_PART_function | date_part(week, timestamp '20220502 04:05:06.789'), date_part(day, timestamp '20220502 04:05:06.789'), date_part(month, date '20220502'), date_part(w, timestamp '2008-06-17 09:44:54') | 18.0, 2.0, 5.0, 25.0
    r_DATE_TRUNC | date_trunc('second', timestamp '20200430 04:05:06.789'), date_trunc('minute', timestamp '20200430 04:05:06.789'), date_trunc('hour', timestamp '20200430 04:05:06.789') | 2020-04-30 04:05:06, 2020-04-30 04:05:00, 2020-04-30 04:00:00
    r_DATE_TRUNC | date_trunc('day', timestamp '20200430 04:05:06.789'), date_trunc('month', timestamp '20200430 04:05:06.789'), date_trunc('quarter', timestamp '20200430 04:05:06.789') | 2020-04-30 00:00:00, 2020-04-01 00:00:00, 2020-04-01 00:00:00
    r_DATE_TRUNC | date_trunc('year', timestamp '20200430 04:05:06.789'), date_trunc('millennium', timestamp '20200430 04:05:06.789'), date_trunc('week', timestamp '20220430 04:05:06.789') | 2020-01-01 00:00:00, 2001-01-01 00:00:00, 2022-04-25 00:00:00
    r_DATEADD_function | dateadd(month, 18, '2008-02-28'), dateadd(m, 30, '2008-02-28'), dateadd(minute, 5, time '00:00:00.5550') | 2009-08-28 00:00:00, 2008-02-28 00:30:00, 00:05:00.555000
    r_Dateparts_for_datetime_functions | date_part(epoch, timestamp '2008-01-01 20:00:00'), extract(century from timestamp '2000-12-16 12:21:13'), extract(mil from timestamp '2001-12-16 12:21:13') | 1199217600.0, 20, 3
    r_INTERVAL_CMP | interval_cmp('3 days', '1 year'), interval_cmp('7 days', '1 week') | -1, 0
    r_MONTHS_BETWEEN_function | to_char(months_between('2008-12-25 15:00', '2008-01-21 19:30'), 'FM99.99'), to_char(months_between('2008-12-01 19:30', '2008-01-03 15:00'), 'FM99.99'), to_char(months_between('2008-12-19 19:00', '2008-01-08 19:30'), 'FM99.99') | 11.12, 10.94, 11.35
    r_NEXT_DAY | next_day('2014-08-20', 'Tuesday'), next_day('2008-07-06', 'Monday'), next_day('2008-07-03', 'Monday') | 2014-08-26, 2008-07-07, 2008-07-07
    r_ASCII | ascii('amazon'), ascii('Amazon') | 97, 65
    r_BTRIM | btrim('     abc     '), btrim('xyzaxyzbxyzcxyz', 'xyz') | abc, axyzbxyzc
    r_CHARINDEX | charindex('dog', 'fish'), charindex('fish', 'dogfish') | 0, 4
    r_INITCAP | initcap('All non-musical theatre'), initcap('urna.Ut@egetdictumplacerat.edu'), initcap('MLB') | All Non-Musical Theatre, Urna.Ut@Egetdictumplacerat.Edu, Mlb
    r_LEFT | left('The King and I', 5), right('The King and I', 5) | The K, and I
    REGEXP_COUNT | regexp_count('abcdefghijklmnopqrstuvwxyz', '[a-z]{3}'), regexp_count('Vestibulum@amet.edu', '@[^.]*[.](org|edu)') | 8, 1
    REGEXP_INSTR | regexp_instr('Cum@accumsan.com', '@[^.]*'), regexp_instr('The Home Depot Center', '[cC]ent(er|re)$') | 4, 16
    REGEXP_REPLACE | regexp_replace('sed@lacusUtnec.ca', '@.*[.](org|gov|com|edu|ca)$'), regexp_replace('sed@lacusUtnec.ca', '@.*[.][[:alpha:]]{2,3}', '@internal.company.com') | sed, sed@internal.company.com
    REGEXP_SUBSTR | regexp_substr('sed@lacusUtnec.ca', '@[^.]*'), regexp_substr('passwd7 plain A1234 a1234', '(?=[^ ]*[a-z])(?=[^ ]*[0-9])[^ ]+', 1, 2, 'ip') | @lacusUtnec, A1234
    r_STRTOL | strtol('0xf', 16), strtol('abcd1234', 16), strtol('1234567', 10), strtol('1234567', 8), strtol('110101', 2) | 15, 2882343476, 1234567, 342391, 53
    r_SUBSTRING | substring('caterpillar', 6, 4), substring('caterpillar', 6, 8), substring('caterpillar', -2, 6) | pill, pillar, cat
    r_LISTAGG | listagg(s, ',') within group (order by s) from (values (40001), (10005), (40005)) as t (s) | 10005,40001,40005
    r_MOD | mod(10, 4), mod(10.5, 4), mod(cast(16.4 as integer), 5), 11 % 4 | 2, 2.5, 1, 3
    r_TRUNC | trunc(111.15), trunc(111.15, 1), trunc(111.15, -1), trunc(timestamp '2011-07-21 10:32:38') | 111, 111.1, 110, 2011-07-21
    r_SQRT | sqrt(16), sqrt('16'), sqrt(round(16.4)), round(sqrt(109.20)) | 4.0, 4.0, 4.0, 10.0
    r_TO_HEX | to_hex(2147676847) | 8002f2af
    r_SIGN | sign(28.05), pg_typeof(sign(-4.25::float8)) | 1, double precision
    r_TO_CHAR | to_char(timestamp '2009-12-31 23:15:59', 'DDD'), to_char(timestamp '2022-05-16 23:15:59', 'ID'), to_char(-125.8, '999D99S'), trim(to_char(618.80, 'rn')), to_char(timestamp '2008-02-18', 'cc') | 365, 1, 125.80-, dcxix, 21
    IS_VALID_JSON | is_valid_json('{"a": [1,2,"b"]}'), is_valid_json('{{}}'), is_valid_json('{1:"a"}'), is_valid_json('[1,2,3]') | True, False, False, False
    JSON_ARRAY_LENGTH | json_array_length('[11,12,13,{"f1":21,"f2":[25,26]},14]'), json_array_length('[11,12,13,{"f1":21,"f2":[25,26]},14', true) | 5, None
    JSON_EXTRACT_PATH_TEXT | json_extract_path_text('{"f2":{"f3":1},"f4":{"f5":99,"f6":"star"}}', 'f4', 'f6'), json_extract_path_text('{"f2":{"f3":1},"f4":{"f5":99,"f6":"star"}', 'f4', 'f6', true) | star, None
    JSON_EXTRACT_ARRAY_ELEMENT_TEXT | json_extract_array_element_text('[111,112,113]', 2) | 113
"""  # noqa: E501


def test_aws_own_examples_give_what_its_pages_print(connection: psycopg.Connection) -> None:
    different = {}
    for example in EXAMPLES.strip().splitlines():
        page, calls, printed = example.strip().split(" | ")
        (row,) = connection.execute(f"select {calls}").fetchall()  # type: ignore[call-overload]
        if [str(value) for value in row] != printed.split(", "):
            different[page] = (calls, row, printed)
    assert not different
