from examples.cron_backup.cron_backup import BackupReconciler
from operator_kit import run

run(BackupReconciler(), name="cron-backup")
