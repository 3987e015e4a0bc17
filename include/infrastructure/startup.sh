#!/bin/sh
# MWAA runs this on every scheduler, worker, triggerer and web server before it installs
# requirements.txt. It must end within 5 minutes; a non-zero exit stops the container.
echo "retail-lake: ${MWAA_AIRFLOW_COMPONENT:-airflow} on $(python3 --version 2>&1)"

# boto3: calls that AWS throttles (Glue allows few per second) slow down and are repeated.
export AWS_RETRY_MODE=adaptive
export AWS_MAX_ATTEMPTS=10
