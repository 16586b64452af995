-- What: brings dim_plane up to date with the staged snapshot. It is a slowly changing dimension of type 2: a change
--       closes the current row and opens a new one, so that a flight finds the plane as it was on its day.
-- Grain: one version of a plane. Engine: Redshift, PostgreSQL 15 or newer.
-- The first version holds since ever: the source cannot say when a plane began to be as it is.
CREATE TEMP TABLE delta AS
SELECT DISTINCT
    staged.*,
    (loaded.tailnum IS NULL) AS is_new
FROM (
    SELECT
        planes.*,
        MD5(
            COALESCE(CAST(planes.year AS VARCHAR), CHR(30)) || CHR(31)
            || COALESCE(planes.type, CHR(30)) || CHR(31)
            || COALESCE(planes.manufacturer, CHR(30)) || CHR(31)
            || COALESCE(planes.model, CHR(30)) || CHR(31)
            || COALESCE(CAST(planes.engines AS VARCHAR), CHR(30)) || CHR(31)
            || COALESCE(CAST(planes.seats AS VARCHAR), CHR(30)) || CHR(31)
            || COALESCE(CAST(planes.speed AS VARCHAR), CHR(30)) || CHR(31)
            || COALESCE(planes.engine, CHR(30))
        ) AS row_hash
    FROM $stage AS planes
) AS staged
LEFT JOIN warehouse.dim_plane AS loaded ON staged.tailnum = loaded.tailnum AND loaded.is_current
WHERE
    loaded.tailnum IS NULL
    OR (staged.row_hash <> loaded.row_hash AND staged.updated_at > loaded.valid_from);

UPDATE warehouse.dim_plane
SET
    valid_to = delta.updated_at,
    is_current = FALSE
FROM delta
WHERE dim_plane.tailnum = delta.tailnum AND dim_plane.is_current;

INSERT INTO warehouse.dim_plane (
    tailnum, valid_from, valid_to, is_current, year, type, manufacturer, model, engines, seats, speed, engine, row_hash
)
SELECT
    delta.tailnum,
    CASE WHEN delta.is_new THEN CAST('1900-01-01 00:00:00' AS TIMESTAMP) ELSE delta.updated_at END,
    CAST('9999-12-31 00:00:00' AS TIMESTAMP),
    TRUE,
    delta.year,
    delta.type,
    delta.manufacturer,
    delta.model,
    delta.engines,
    delta.seats,
    delta.speed,
    delta.engine,
    delta.row_hash
FROM delta;
