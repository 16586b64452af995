-- The naive copy: takes what has a newer updated_at than all it knows. Grain: one row a key. Engine: PostgreSQL 15.
MERGE INTO polled USING (
    SELECT * FROM source
    WHERE updated_at > (SELECT MAX(updated_at) FROM polled)
) AS news
    ON polled.id = news.id
WHEN MATCHED THEN UPDATE SET name = news.name, amount = news.amount
WHEN NOT MATCHED THEN INSERT VALUES (news.id, news.name, news.amount, news.updated_at)
