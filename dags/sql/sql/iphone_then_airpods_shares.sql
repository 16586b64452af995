-- The shares of iPhone buyers, in percent, for the three readings; NULL if nobody bought an iPhone.
SELECT
    100.0 * COUNT(*) FILTER (WHERE next_row) / NULLIF(COUNT(*), 0) AS next_row,
    100.0 * COUNT(*) FILTER (WHERE next_basket) / NULLIF(COUNT(*), 0) AS next_basket,
    100.0 * COUNT(*) FILTER (WHERE later) / NULLIF(COUNT(*), 0) AS later
FROM buyers
