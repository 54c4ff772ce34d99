"""The command `backup-schedule`. Large modules are imported in functions, so that other commands start fast."""

from __future__ import annotations

import click

from ..inspect.commands import fail


@click.command("backup-schedule")
@click.argument("name")
@click.option("-n", "--namespace", default="default", show_default=True, help="Namespace of the Cryostat.")
@click.option("--schedule", "cron", required=True, help="Cron expression, for example '17 3 * * *', or @daily.")
@click.option("--time-zone", default="", help="Time zone of the schedule, for example Europe/Berlin.")
@click.option("--to", "target", required=True, help="s3://BUCKET/PREFIX or pvc://CLAIM.")
@click.option("--secret", required=True, help="Secret with the passphrase and, for a bucket, its AWS variables.")
@click.option("--database-secret", default="", help="The Secret of `databaseOptions.secretName`, if it is set.")
@click.option("--image", default=None, help="Image of the operator; default: that of this release.")
@click.option("--fs-group", default=None, type=int, help="Group of the files in a claim; 0 on OpenShift.")
def backup_schedule(
    name: str,
    namespace: str,
    cron: str,
    time_zone: str,
    target: str,
    secret: str,
    database_secret: str,
    image: str | None,
    fs_group: int | None,
) -> None:
    """Print a CronJob that saves the Cryostat NAME regularly, and the Role that it needs.

    Nothing is created, and no cluster is used: review the objects and apply them with kubectl. The Secret must contain
    CRYOSTAT_BACKUP_PASSPHRASE.
    Exit status: 0, or 2 if an option cannot be used.

    \b
    Examples:
      kubectl cryostat backup-schedule cryostat-sample -n monitoring --schedule '17 3 * * *' \\
        --to s3://backups/cryostat-sample --secret backup-target | kubectl apply -f -
      kubectl cryostat backup-schedule cryostat-sample --schedule @daily --to pvc://backups --secret backup-target
    """
    import yaml

    from ..packaging.install_names import IMAGE
    from ..plan.instance import DEFAULT_FS_GROUP
    from .manifest import BackupError
    from .schedule import Schedule, objects_of

    schedule = Schedule(
        namespace=namespace,
        name=name,
        cron=cron,
        target=target,
        secret=secret,
        image=image or IMAGE,
        time_zone=time_zone,
        database_secret=database_secret,
        fs_group=DEFAULT_FS_GROUP if fs_group is None else fs_group,
    )
    try:
        objects = objects_of(schedule)
    except BackupError as error:
        fail(str(error))
    click.echo(yaml.safe_dump_all(objects, sort_keys=False), nl=False)
