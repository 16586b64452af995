-- Makes the named keys of the target what they are in the source, or dead. Grain: one row a key. Engine: PostgreSQL 15.
MERGE INTO target USING (SELECT key, source.* FROM unnest(%s::int[]) AS key LEFT JOIN source ON source.id = key) AS truth
ON target.id = truth.key WHEN MATCHED THEN UPDATE SET name = truth.name, amount = truth.amount, deleted = truth.id IS NULL
WHEN NOT MATCHED THEN INSERT VALUES (truth.id, truth.name, truth.amount, pg_current_wal_lsn())
