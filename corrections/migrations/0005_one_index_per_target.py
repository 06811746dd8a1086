"""One index does for two: it keeps the changes of a correction apart, and finds those of a record.

Each index costs a batch at every row, and this table gets most of what a batch writes.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("corrections", "0004_batches")]

    operations = [
        migrations.RemoveConstraint(model_name="change", name="change_one_per_target"),
        migrations.RemoveIndex(model_name="change", name="change_target"),
        migrations.AddConstraint(
            model_name="change",
            constraint=models.UniqueConstraint(
                models.F("target_model"),
                models.F("target_pk"),
                models.F("correction"),
                models.Case(models.When(target_pk="", then="position"), default=0),
                name="change_one_per_target",
            ),
        ),
    ]
