# One server for all three: CereBloom's own database (POSTGRES_DB), Orthanc's index and MLflow's store.
FROM postgres:17-bookworm
RUN printf 'CREATE DATABASE orthanc;\nCREATE DATABASE mlflow;\n' > /docker-entrypoint-initdb.d/databases.sql
