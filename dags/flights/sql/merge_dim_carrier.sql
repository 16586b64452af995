-- What: brings dim_carrier up to date with the staged snapshot (a dimension of type 1: the new value replaces the old).
-- Grain: one carrier. Engine: Redshift, PostgreSQL 15 or newer.
CREATE TEMP TABLE delta AS
SELECT DISTINCT
    staged.carrier,
    staged.name,
    staged.updated_at,
    MD5(staged.name) AS row_hash,
    (loaded.carrier IS NULL) AS is_new
FROM $stage AS staged
LEFT JOIN warehouse.dim_carrier AS loaded ON staged.carrier = loaded.carrier
WHERE
    loaded.carrier IS NULL
    OR (MD5(staged.name) <> loaded.row_hash AND staged.updated_at >= loaded.updated_at);

MERGE INTO warehouse.dim_carrier
USING delta ON dim_carrier.carrier = delta.carrier
WHEN MATCHED THEN
    UPDATE
        SET
            name = delta.name,
            updated_at = delta.updated_at,
            row_hash = delta.row_hash
WHEN NOT MATCHED THEN
    INSERT (carrier, name, updated_at, row_hash)
    VALUES (delta.carrier, delta.name, delta.updated_at, delta.row_hash);
