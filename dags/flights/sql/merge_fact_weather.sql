-- What: brings fact_weather up to date with one day's staged observations, writing only rows that are new or changed.
-- Grain: one airport and hour. Engine: Redshift, PostgreSQL 15 or newer.
CREATE TEMP TABLE delta AS
SELECT DISTINCT
    staged.origin,
    staged.time_hour AS observed_at,
    staged.temp,
    staged.dewp,
    staged.humid,
    staged.wind_dir,
    staged.wind_speed,
    staged.wind_gust,
    staged.precip,
    staged.pressure,
    staged.visib,
    staged.row_hash,
    (loaded.origin IS NULL) AS is_new
FROM (
    SELECT
        weather.*,
        -- NULL has a mark of its own, and CHR(31) separates, so that no two different rows read alike.
        MD5(
            COALESCE(CAST(weather.temp AS VARCHAR), CHR(30)) || CHR(31)
            || COALESCE(CAST(weather.dewp AS VARCHAR), CHR(30)) || CHR(31)
            || COALESCE(CAST(weather.humid AS VARCHAR), CHR(30)) || CHR(31)
            || COALESCE(CAST(weather.wind_dir AS VARCHAR), CHR(30)) || CHR(31)
            || COALESCE(CAST(weather.wind_speed AS VARCHAR), CHR(30)) || CHR(31)
            || COALESCE(CAST(weather.wind_gust AS VARCHAR), CHR(30)) || CHR(31)
            || COALESCE(CAST(weather.precip AS VARCHAR), CHR(30)) || CHR(31)
            || COALESCE(CAST(weather.pressure AS VARCHAR), CHR(30)) || CHR(31)
            || COALESCE(CAST(weather.visib AS VARCHAR), CHR(30))
        ) AS row_hash
    FROM $stage AS weather
) AS staged
LEFT JOIN warehouse.fact_weather AS loaded
    ON staged.origin = loaded.origin AND staged.time_hour = loaded.observed_at
WHERE loaded.origin IS NULL OR staged.row_hash <> loaded.row_hash;

MERGE INTO warehouse.fact_weather
USING delta ON fact_weather.origin = delta.origin AND fact_weather.observed_at = delta.observed_at
WHEN MATCHED THEN
    UPDATE
        SET
            temp = delta.temp,
            dewp = delta.dewp,
            humid = delta.humid,
            wind_dir = delta.wind_dir,
            wind_speed = delta.wind_speed,
            wind_gust = delta.wind_gust,
            precip = delta.precip,
            pressure = delta.pressure,
            visib = delta.visib,
            row_hash = delta.row_hash
WHEN NOT MATCHED THEN INSERT (
    origin, observed_at, temp, dewp, humid, wind_dir, wind_speed, wind_gust, precip, pressure, visib, row_hash
) VALUES (
    delta.origin, delta.observed_at, delta.temp, delta.dewp, delta.humid, delta.wind_dir, delta.wind_speed,
    delta.wind_gust, delta.precip, delta.pressure, delta.visib, delta.row_hash
);
