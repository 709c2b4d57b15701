"""A correction never makes an import fail, and a source that comes to say the same is no conflict any more.

Where an agency helps people from 18 on, and its source now says up to 17, both cannot hold, and the database would
refuse the row each week: the other age stays as it was as well, and waits for somebody to choose.
"""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_FUNCTION = """
CREATE OR REPLACE FUNCTION keep_local_edits() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  edit local_edit;
  said text;
  known boolean;
BEGIN
  IF TG_TABLE_NAME = 'service' THEN
    FOR edit IN SELECT * FROM local_edit WHERE service_id = NEW.id AND value IS NOT NULL LOOP
      said := coalesce(to_jsonb(NEW) ->> edit.field, '');
      IF said <> edit.value THEN
        IF said IS DISTINCT FROM edit.upstream AND said IS DISTINCT FROM edit.offered THEN
          UPDATE local_edit SET offered = said WHERE id = edit.id;
        ELSIF said = edit.upstream AND edit.offered IS NOT NULL THEN
          UPDATE local_edit SET offered = NULL WHERE id = edit.id;
        END IF;
        NEW := jsonb_populate_record(NEW, jsonb_build_object(edit.field, nullif(edit.value, '')));{agreed}
      END IF;
    END LOOP;{ages}
    IF NEW.withdrawn_at IS NULL AND OLD.withdrawn_at IS NOT NULL
       AND EXISTS (SELECT FROM directory_merge WHERE gone_id = NEW.id AND undone_at IS NULL) THEN
      NEW.withdrawn_at := OLD.withdrawn_at;
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.source = 'local' OR NEW.withdrawn_at IS NOT NULL THEN
    RETURN NEW;
  END IF;
  SELECT * INTO edit FROM local_edit WHERE field = TG_TABLE_NAME AND service_id = coalesce(
    NEW.service_id,
    (SELECT place.service_id FROM service_at_location AS place
     WHERE place.id = (to_jsonb(NEW) ->> 'service_at_location_id')::uuid)
  );
  IF FOUND THEN
    -- An import that writes a row again passes here as if it were new.
    EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE id = $1 AND fingerprint = $2)', TG_TABLE_NAME)
      INTO known USING NEW.id, NEW.fingerprint;
    IF NOT known THEN
      UPDATE local_edit SET offered = 'changed' WHERE id = edit.id;
    END IF;
    NEW.withdrawn_at := clock_timestamp();
  END IF;
  RETURN NEW;
END $$
"""
_AGREED = """
      ELSIF NEW.fingerprint IS DISTINCT FROM OLD.fingerprint THEN
        -- Only the source brings a new fingerprint: now it says what the agency says.
        UPDATE local_edit SET upstream = said, offered = NULL WHERE id = edit.id;"""
_AGES = """
    IF NEW.minimum_age > NEW.maximum_age THEN
      INSERT INTO local_edit (id, service_id, field, value, upstream, offered, by, at)
      SELECT gen_random_uuid(), NEW.id, age.field, age.was, age.was, age.said, other.by, clock_timestamp()
      FROM (VALUES
        ('minimum_age', coalesce(OLD.minimum_age::text, ''), coalesce(NEW.minimum_age::text, '')),
        ('maximum_age', coalesce(OLD.maximum_age::text, ''), coalesce(NEW.maximum_age::text, ''))
      ) AS age (field, was, said), local_edit AS other
      WHERE age.was <> age.said AND other.service_id = NEW.id AND other.value IS NOT NULL
        AND other.field = CASE age.field WHEN 'minimum_age' THEN 'maximum_age' ELSE 'minimum_age' END
      ON CONFLICT DO NOTHING;
      IF FOUND THEN
        NEW.minimum_age := OLD.minimum_age;
        NEW.maximum_age := OLD.maximum_age;
      END IF;
    END IF;"""


def upgrade() -> None:
    op.execute(_FUNCTION.format(agreed=_AGREED, ages=_AGES))


def downgrade() -> None:
    op.execute(_FUNCTION.format(agreed="", ages=""))
