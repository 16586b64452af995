-- Redshift's hashes, byte by byte, without extensions: exact rather than fast. AWS' pages print values of CRC32, FNV_HASH
-- and MURMUR3_32_HASH, which these give; of SHA1 they print none, but FIPS 180 does.
-- Grain: none. Engine: PostgreSQL 15 or newer.

create or replace function redshift_gateway.reversed(bytes bytea) returns bytea immutable strict parallel safe
return (select string_agg(substr(bytes, n, 1), ''::bytea order by n desc) from generate_series(1, length(bytes)) as x (n));

create or replace function redshift_gateway.rotated(word bigint, places int) returns bigint immutable strict parallel safe
return ((word << places) | (word >> (32 - places))) & 4294967295;

-- Of two words of 32 bits, in 32 bits.
create or replace function redshift_gateway.multiplied(one bigint, other bigint) returns bigint immutable strict parallel safe
return (one * (other & 65535) + (((one * (other >> 16)) & 65535) << 16)) & 4294967295;

-- https://docs.aws.amazon.com/redshift/latest/dg/SHA1.html
create or replace function redshift_gateway.sha1(value text) returns text
language plpgsql immutable strict parallel safe as $$
declare
    bytes bytea := convert_to(value, 'UTF8');
    h bigint[] := array[1732584193, 4023233417, 2562383102, 271733878, 3285377520];
    w bigint[];
    s bigint[];
    f bigint;
    k bigint;
begin
    bytes := bytes || '\x80'::bytea || decode(repeat('00', (119 - length(bytes) % 64) % 64), 'hex')
        || int8send(length(bytes)::bigint * 8);
    for block in 0..length(bytes) / 64 - 1 loop
        for n in 0..79 loop
            w[n] := case
                when n < 16 then (get_byte(bytes, block * 64 + n * 4)::bigint << 24) | (get_byte(bytes, block * 64 + n * 4 + 1) << 16)
                    | (get_byte(bytes, block * 64 + n * 4 + 2) << 8) | get_byte(bytes, block * 64 + n * 4 + 3)
                else redshift_gateway.rotated(w[n - 3] # w[n - 8] # w[n - 14] # w[n - 16], 1)
            end;
        end loop;
        s := h;
        for n in 0..79 loop
            if n < 20 then
                f := (s[2] & s[3]) | ((s[2] # 4294967295) & s[4]);
            elsif n between 40 and 59 then
                f := (s[2] & s[3]) | (s[2] & s[4]) | (s[3] & s[4]);
            else
                f := s[2] # s[3] # s[4];
            end if;
            k := (array[1518500249, 1859775393, 2400959708, 3395469782])[n / 20 + 1];
            s := array[
                (redshift_gateway.rotated(s[1], 5) + f + s[5] + k + w[n]) & 4294967295, s[1],
                redshift_gateway.rotated(s[2], 30), s[3], s[4]
            ];
        end loop;
        h := array(select (h[n] + s[n]) & 4294967295 from generate_series(1, 5) as x (n) order by n);
    end loop;
    return (select string_agg(lpad(to_hex(part), 8, '0'), '' order by n) from unnest(h) with ordinality as x (part, n));
end $$;
create or replace function redshift_gateway.func_sha1(value text) returns text immutable strict parallel safe
return redshift_gateway.sha1(value);
create or replace function redshift_gateway.sha(value text) returns text immutable strict parallel safe
return redshift_gateway.sha1(value);

-- The polynomial is CRC-32C's. https://docs.aws.amazon.com/redshift/latest/dg/crc32-function.html
create or replace function redshift_gateway.crc32(value text) returns text
language plpgsql immutable strict parallel safe as $$
declare
    bytes bytea := convert_to(value, 'UTF8');
    crc bigint := 4294967295;
begin
    for n in 0..length(bytes) - 1 loop
        crc := crc # get_byte(bytes, n);
        for bit in 1..8 loop
            crc := (crc >> 1) # (2197175160 * (crc & 1));
        end loop;
    end loop;
    return lpad(to_hex(crc # 4294967295), 8, '0');
end $$;

-- FNV-1a of 64 bits, which are kept as two words of 32. The seed is the hash that came before.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_FNV_HASH.html
create or replace function redshift_gateway.fnv_of(bytes bytea, seed bigint) returns bigint
language plpgsql immutable strict parallel safe as $$
declare
    high bigint := (seed >> 32) & 4294967295;
    low bigint := seed & 4294967295;
begin
    for n in 0..length(bytes) - 1 loop
        low := low # get_byte(bytes, n);
        high := (high * 435 + ((low * 435) >> 32) + (low << 8)) & 4294967295;
        low := (low * 435) & 4294967295;
    end loop;
    return (high << 32) | low;
end $$;
create or replace function redshift_gateway.fnv_hash(value text, seed bigint default -3750763034362895579) returns bigint
immutable strict parallel safe
return redshift_gateway.fnv_of(convert_to(value, 'UTF8'), seed);
-- A CHAR is hashed with the blanks at its end.
create or replace function redshift_gateway.fnv_hash(value bpchar, seed bigint default -3750763034362895579) returns bigint
stable strict parallel safe
return redshift_gateway.fnv_of(convert_to(format('%s', value), 'UTF8'), seed);
create or replace function redshift_gateway.fnv_hash(value smallint, seed bigint default -3750763034362895579) returns bigint
immutable strict parallel safe
return redshift_gateway.fnv_of(redshift_gateway.reversed(int2send(value)), seed);
create or replace function redshift_gateway.fnv_hash(value int, seed bigint default -3750763034362895579) returns bigint
immutable strict parallel safe
return redshift_gateway.fnv_of(redshift_gateway.reversed(int4send(value)), seed);
create or replace function redshift_gateway.fnv_hash(value bigint, seed bigint default -3750763034362895579) returns bigint
immutable strict parallel safe
return redshift_gateway.fnv_of(redshift_gateway.reversed(int8send(value)), seed);

-- As Apache Iceberg has it: every integer in eight bytes. https://docs.aws.amazon.com/redshift/latest/dg/MURMUR3_32_HASH.html
create or replace function redshift_gateway.murmur3_of(bytes bytea) returns int
language plpgsql immutable strict parallel safe as $$
declare
    hash bigint := 0;
    block bigint;
    size int;
begin
    for n in 0..(length(bytes) + 3) / 4 - 1 loop
        block := 0;
        size := least(4, length(bytes) - n * 4);
        for place in 0..size - 1 loop
            block := block | (get_byte(bytes, n * 4 + place)::bigint << (8 * place));
        end loop;
        block := redshift_gateway.rotated(redshift_gateway.multiplied(block, 3432918353), 15);
        hash := hash # redshift_gateway.multiplied(block, 461845907);
        if size = 4 then
            hash := (redshift_gateway.rotated(hash, 13) * 5 + 3864292196) & 4294967295;
        end if;
    end loop;
    hash := hash # length(bytes);
    hash := redshift_gateway.multiplied(hash # (hash >> 16), 2246822507);
    hash := redshift_gateway.multiplied(hash # (hash >> 13), 3266489909);
    hash := hash # (hash >> 16);
    return case when hash > 2147483647 then hash - 4294967296 else hash end;
end $$;
create or replace function redshift_gateway.murmur3_32_hash(value text) returns int immutable strict parallel safe
return redshift_gateway.murmur3_of(convert_to(value, 'UTF8'));
create or replace function redshift_gateway.murmur3_32_hash(value bigint) returns int immutable strict parallel safe
return redshift_gateway.murmur3_of(redshift_gateway.reversed(int8send(value)));
-- Of the two values with a seed that AWS prints, Murmur3A gives one only.
create or replace function redshift_gateway.murmur3_32_hash(value text, seed int) returns int language plpgsql immutable as $$
begin
    raise exception 'MURMUR3_32_HASH with a seed is not supported by the Redshift gateway' using errcode = '0A000';
end $$;
create or replace function redshift_gateway.murmur3_32_hash(value bigint, seed int) returns int immutable
return redshift_gateway.murmur3_32_hash(value::text, seed);

-- American Soundex of the English letters. https://docs.aws.amazon.com/redshift/latest/dg/SOUNDEX.html
create or replace function redshift_gateway.soundex(value text) returns text
language plpgsql immutable strict parallel safe as $$
declare
    letters text := upper(regexp_replace(value, '[^A-Za-z]', '', 'g'));
    codes text := translate(letters, 'BFPVCGJKQSXZDTLMNRAEIOUYHW', '111122222222334556000000');
begin
    if letters = '' then
        return '';
    elsif left(letters, 1) in ('H', 'W') then
        codes := '0' || codes;
    end if;
    codes := substr(regexp_replace(codes, '(.)\1+', '\1', 'g'), 2);
    return left(left(letters, 1) || replace(codes, '0', '') || '000', 4);
end $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/OCTETINDEX.html
create or replace function redshift_gateway.octetindex(part text, value text) returns int immutable strict parallel safe
return position(convert_to(part, 'UTF8') in convert_to(value, 'UTF8'));
