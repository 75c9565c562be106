-- name: current_style
SELECT version, document, created_at, created_by, created_name FROM style ORDER BY version DESC LIMIT 1;

-- name: style_of_version
SELECT version, document, created_at, created_by, created_name FROM style WHERE version = %(version)s;

-- name: list_styles
SELECT version, created_at, created_by, created_name FROM style
WHERE %(before)s::int IS NULL OR version < %(before)s ORDER BY version DESC LIMIT %(count)s;

-- name: add_style
-- Of two people who change the same version one is told: the next version is there already.
INSERT INTO style (version, document, created_by, created_name)
SELECT %(on_top_of)s + 1, %(document)s, %(created_by)s, %(created_name)s
WHERE %(on_top_of)s = (SELECT coalesce(max(version), 0) FROM style)
ON CONFLICT (version) DO NOTHING
RETURNING version, document, created_at, created_by, created_name;
