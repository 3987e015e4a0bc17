#!/bin/sh
# MWAA runs this on every scheduler, worker and web server, before requirements.txt is installed.
# It must end within 5 minutes; a non-zero exit stops the container.
set -eu

echo "retail-lake: ${MWAA_AIRFLOW_COMPONENT:-airflow} on $(python3 --version 2>&1)"

# boto3: throttled calls (Glue allows few per second) back off on the client's side and are repeated.
export AWS_RETRY_MODE=adaptive
export AWS_MAX_ATTEMPTS=10
