-- What: brings dim_airport up to date with the staged snapshot (a dimension of type 1: the new value replaces the old).
-- Grain: one airport. Engine: Redshift, PostgreSQL 15 or newer.
CREATE TEMP TABLE delta AS
SELECT DISTINCT
    staged.*,
    (loaded.faa IS NULL) AS is_new
FROM (
    SELECT
        airports.*,
        MD5(
            airports.name || CHR(31)
            || CAST(airports.lat AS VARCHAR) || CHR(31)
            || CAST(airports.lon AS VARCHAR) || CHR(31)
            || CAST(airports.alt AS VARCHAR) || CHR(31)
            || COALESCE(CAST(airports.tz AS VARCHAR), CHR(30)) || CHR(31)
            || COALESCE(airports.dst, CHR(30)) || CHR(31)
            || COALESCE(airports.tzone, CHR(30))
        ) AS row_hash
    FROM $stage AS airports
) AS staged
LEFT JOIN warehouse.dim_airport AS loaded ON staged.faa = loaded.faa
WHERE
    loaded.faa IS NULL
    OR (staged.row_hash <> loaded.row_hash AND staged.updated_at >= loaded.updated_at);

MERGE INTO warehouse.dim_airport
USING delta ON dim_airport.faa = delta.faa
WHEN MATCHED THEN
    UPDATE
        SET
            name = delta.name,
            lat = delta.lat,
            lon = delta.lon,
            alt = delta.alt,
            tz = delta.tz,
            dst = delta.dst,
            tzone = delta.tzone,
            updated_at = delta.updated_at,
            row_hash = delta.row_hash
WHEN NOT MATCHED THEN
    INSERT (faa, name, lat, lon, alt, tz, dst, tzone, updated_at, row_hash)
    VALUES (
        delta.faa, delta.name, delta.lat, delta.lon, delta.alt, delta.tz, delta.dst, delta.tzone, delta.updated_at,
        delta.row_hash
    );
