"""Open corrections of before are pinned to the steps of the policy under which they were submitted."""

from django.db import migrations


def pin(apps, schema_editor):
    Correction = apps.get_model("corrections", "Correction")
    CorrectionStep = apps.get_model("corrections", "CorrectionStep")
    PolicyStep = apps.get_model("corrections", "PolicyStep")
    steps = {}
    for step in PolicyStep.objects.order_by("policy_id", "position"):
        steps.setdefault(step.policy_id, []).append(step)
    waiting = Correction.objects.filter(state="submitted", policy__isnull=False)
    CorrectionStep.objects.bulk_create(
        (
            CorrectionStep(
                correction_id=pk,
                revision=revision,
                position=position,
                role=step.role,
                people=step.people,
                scope="target",
                token="none",  # noqa: S106 - which proof is asked for
                is_rekeying=False,
                escalates_to="",
            )
            for pk, revision, policy in waiting.values_list("pk", "revision", "policy_id").iterator()
            for position, step in enumerate(steps.get(policy, ()), start=1)
        ),
        batch_size=1000,
    )


class Migration(migrations.Migration):
    dependencies = [("corrections", "0002_controls")]
    operations = [migrations.RunPython(pin, migrations.RunPython.noop)]
