# The MLflow that npm start installs, from the same pinned list.
FROM python:3.11-slim-bookworm
COPY launch/mlflow-requirements.txt /tmp/requirements.txt
COPY launch/mlflow-postgres-requirements.txt /tmp/postgres-requirements.txt
RUN pip install --no-cache-dir --no-deps --require-hashes --requirement /tmp/requirements.txt --requirement /tmp/postgres-requirements.txt && rm /tmp/*requirements.txt \
 && groupadd --gid 10003 mlflow && useradd --uid 10003 --gid 10003 --no-create-home mlflow \
 && install --directory --owner=10003 --group=10003 --mode=0700 /var/lib/cerebloom-mlflow
USER 10003:10003
WORKDIR /var/lib/cerebloom-mlflow
VOLUME /var/lib/cerebloom-mlflow
CMD ["python", "-m", "uvicorn", "--host", "0.0.0.0", "--port", "5000", "--workers", "1", "--no-access-log", "mlflow.server.fastapi_app:app"]
