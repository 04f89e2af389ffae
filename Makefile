# Everything sets itself up: `make demo` and `make test` are all a newcomer needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# Expanded only by the recipes that use it, so `make help` installs nothing.
PY = $(or $(shell dev/venv),$(error no Python environment; why is said above))/bin/python

.PHONY: help demo down status test lint unit fuzz pages charts cluster oracle images frameworks scalers browser lifecycle bench screenshots docs lock sbom licences audit

help:            ## list the commands
	@grep -E '^[a-z]+: +.*##' $(MAKEFILE_LIST) | sed -E 's/: +.*## /\t/' | expand -t 14

demo:            ## a Kubernetes, the portal in it, and its URL (HOW=local or kind; AUTH=oidc: with a sign-in)
	@$(PY) -m dev.demo $(if $(HOW),--how $(HOW)) $(if $(AUTH),--auth $(AUTH))

down:            ## stop the local Kubernetes and leave nothing behind
	@$(PY) -m dev.cluster down

status:          ## what is running
	@$(PY) -m dev.cluster status

test:            ## all tests: lint, unit, fuzz, pages, charts, cluster, images, browser, lifecycle
	@$(PY) -m dev.check all

lint:            ## style, types, import contracts, generated documents
	@$(PY) -m dev.check lint

unit:            ## the tests that need no cluster, in less than a minute
	@$(PY) -m dev.check unit

fuzz:            ## generated and hostile input, in about three minutes
	@$(PY) -m dev.check fuzz

pages:           ## every page in every state in a real browser, without a cluster
	@$(PY) -m dev.check pages

charts:          ## charts rendered and validated
	@$(PY) -m dev.check charts

cluster:         ## tests on the real cluster
	@$(PY) -m dev.check cluster

oracle:          ## the autoscaling engine against Kubernetes' own controller, on 100,000 cases a version
	@$(PY) -m dev.hpa_oracle $(ARGS)

images:          ## images as people bring them, launched on the real cluster
	@$(PY) -m dev.check images

frameworks:      ## real Streamlit, Gradio, Panel, Shiny and Jupyter images; not part of `make test`
	@$(PY) -m dev.check frameworks

scalers:         ## the real KEDA and VerticalPodAutoscaler on the local cluster; not part of `make test`
	@$(PY) -m dev.check scalers

browser:         ## user journeys in a real browser on the real cluster
	@$(PY) -m dev.check browser

lifecycle:       ## the local cluster survives a kill and leaves nothing behind; leaves it down
	@$(PY) -m dev.check lifecycle

bench:           ## measure into benchmarks/RESULTS.md (ARGS="--only list,push"; ARGS=--help)
	@$(PY) -m benchmarks $(ARGS)

screenshots:     ## remake docs/images from the running portal
	@$(PY) -m dev.screenshots

docs:            ## remake the generated parts of the documents
	@$(PY) -m dev.docs

sbom:            ## what the demo's image of the portal is made of (CycloneDX), printed
	@$(PY) -m dev.sbom

licences:        ## the licences of what the portal's image holds
	@$(PY) -m dev.licences

audit:           ## both lock files against known advisories; needs the internet, or ADVISORIES=CLONE
	@$(PY) -m dev.audit $(ADVISORIES)

lock:            ## remake the lock files (hashes, no addresses)
	@dev/lock
