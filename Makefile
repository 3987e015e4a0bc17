# Retail Lake. `make help` lists the commands; each makes the environments it needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
AIRFLOW := .venv/bin/python
GLUE := .venv-glue/bin/python
SQL ?=
ARGS ?=
BENCH ?=
DAYS ?= 3
# which environment a bundle is for: the one deployed last, else the laptop's
DEPLOYMENT ?= $(firstword $(wildcard include/deployment.json .local/deployment.json) include/deployment.json)

.PHONY: help setup lock demo up down status env athena report replay rollback test test-units test-whole test-crash test-slow bench lint format bundle preflight

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: ## make or reuse the two Python environments
	@python3 -m include.environments

lock: ## compile the environments' lock files anew
	@python3 -m include.environments --lock

demo: setup ## start everything, deliver three days of sample data, run the DAG for each, show the result
	@$(GLUE) -m include.laptop demo --days $(DAYS)

up: setup ## start the local AWS and Airflow, deploy to them
	@$(GLUE) -m include.laptop up

down: ## stop all of it
	@test ! -x $(GLUE) || $(GLUE) -m include.laptop down

status: ## what runs, and where
	@$(GLUE) -m include.laptop status

env: ## exports for any AWS client: eval "$(make -s env)"
	@$(GLUE) -m include.laptop env

athena: ## run a query as an analyst: make athena SQL="SELECT …"
	@$(GLUE) -m include.laptop athena "$$SQL"
athena: export SQL := $(value SQL)

report: ## the page about the run published last, or of a release: make report ARGS=r20240517_…
	@$(GLUE) -m include.laptop report $(ARGS)

replay: ## what quarantine would let pass now: make replay ARGS="--dataset vendor_sales --apply"
	@$(GLUE) -m include.laptop replay $(ARGS)

rollback: ## versions of what is published: make rollback ARGS="--list", ARGS="--to 17"
	@$(GLUE) -m include.laptop rollback $(ARGS)

test: setup ## all tests but the slow ones, in two rows side by side: half of them wait for something
	@$(MAKE) --no-print-directory -j2 test-units test-whole

test-units: setup ## the tests of parts
	@$(GLUE) -m pytest -q tests/unit/local_aws tests/unit/glue_jobs tests/unit/sample_data \
		tests/unit/infrastructure tests/unit/laptop
	@$(AIRFLOW) -m pytest -q tests/unit tests/sql --ignore tests/unit/local_aws \
		--ignore tests/unit/glue_jobs --ignore tests/unit/sample_data \
		--ignore tests/unit/infrastructure --ignore tests/unit/laptop

test-whole: setup ## the tests of the whole: end to end with a real Airflow, crashes, the bundle
	@$(AIRFLOW) -m pytest -q tests/e2e tests/integration

bench: setup ## measure P1 to P8 side by side: make bench BENCH="--only P3,P4 --rows 300000 --pairs 1"
	@$(GLUE) -m tests.benchmarks $(BENCH)

test-crash: setup ## kill what writes at each call to AWS: 200 publications, the whole chain
	@$(AIRFLOW) -m pytest -q -s -m slow tests/integration/crash

test-slow: setup ## the tests that take minutes: more of e2e, 44 real days, a month, records of 100 MB
	@$(GLUE) -m pytest -q -m slow tests/unit/glue_jobs
	@$(AIRFLOW) -m pytest -q -m slow tests/e2e

lint: setup ## ruff, mypy, cfn-lint
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .
	@.venv/bin/mypy --python-executable $(AIRFLOW) dags plugins include/lake
	@.venv/bin/mypy --python-executable $(GLUE) glue_jobs include/local_aws include/laptop \
		include/sample_data include/infrastructure include/environments
	@.venv-glue/bin/cfn-lint include/infrastructure/*.yaml

format: setup ## put the code into shape, and the tables of the README
	@.venv/bin/ruff check --fix -q . ; .venv/bin/ruff format -q .
	@$(AIRFLOW) -m include.lake.overview README.md

bundle: setup ## build what MWAA and Glue get, into build/
	@$(GLUE) -m include.infrastructure.bundle --out build --deployment $(DEPLOYMENT)

preflight: bundle ## check the bundle against MWAA's own lists, offline
	@$(GLUE) -m include.infrastructure.preflight --bundle build
