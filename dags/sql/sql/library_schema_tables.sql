-- A lending library: the sheet with everything, and the tables in third normal form that take it apart.
-- Grain: see each table. Engine: PostgreSQL.

DROP TABLE IF EXISTS sheet, holds, loans, members, copies, book_authors, books CASCADE;

CREATE TABLE sheet (
    barcode text,
    isbn text,
    title text,
    authors text, -- "Graham; Knuth; Patashnik": not one value, so not even first normal form
    member int,
    name text,
    address text,
    lent_on date,
    returned_on date,
    PRIMARY KEY (barcode, lent_on)
);

-- One row for each title. Nothing about copies or loans, so a book exists before anybody reads it.
CREATE TABLE books (
    isbn text PRIMARY KEY,
    title text NOT NULL
);

-- Many to many; the key says that an author is linked once.
CREATE TABLE book_authors (
    isbn text REFERENCES books,
    author text,
    PRIMARY KEY (isbn, author)
);

-- One row for each thing on a shelf: barcode -> isbn.
CREATE TABLE copies (
    barcode text PRIMARY KEY,
    isbn text NOT NULL REFERENCES books,
    shelf text
);

CREATE TABLE members (
    member int PRIMARY KEY,
    name text NOT NULL,
    address text NOT NULL
);

-- One row each time a copy is lent. (barcode, lent_on) determines the rest.
CREATE TABLE loans (
    barcode text REFERENCES copies,
    member int NOT NULL REFERENCES members,
    lent_on date,
    returned_on date CHECK (returned_on >= lent_on),
    PRIMARY KEY (barcode, lent_on)
);

-- Not a key: a copy is lent often, but not returned only once at a time.
CREATE UNIQUE INDEX one_open_loan_a_copy ON loans (barcode) WHERE returned_on IS NULL;

-- One row for each member who waits for a book, whichever copy comes back.
CREATE TABLE holds (
    isbn text REFERENCES books,
    member int REFERENCES members,
    asked_at timestamptz NOT NULL,
    PRIMARY KEY (isbn, member)
);
