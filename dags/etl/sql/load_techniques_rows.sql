-- What a replacement of the day has to write: the rows it finds, the rows of the batch, and the rows that differ.
-- Grain: one row. Engine: PostgreSQL.
SELECT
    (
        SELECT COUNT(*) FROM earlier
        WHERE day = '2013-01-02'
    ) AS old_day,
    (SELECT COUNT(*) FROM batch) AS batch,
    COUNT(*) AS differing
FROM earlier FULL JOIN batch USING (day, id)
WHERE day = '2013-01-02' AND (earlier.amount, earlier.note) IS DISTINCT FROM (batch.amount, batch.note);
