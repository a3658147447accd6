# SPDX-License-Identifier: Apache-2.0
# The commands a person types. Each installs the packages it needs, and does nothing twice.
.PHONY: demo build test test-peers test-tsan slow-test cuda-bundle check format clean deps deps-check

demo: build
	@build/release/bin/suan demo

build: deps
	@tools/build release suan_cli

test: deps
	@tools/run_tests test release/all release/suan_unit_tests release/suan_ops_tests \
	  dev/suan_unit_tests tests/apps tests/tools tests/package/run

test-peers: build
	@tools/build release suan_ops_tests
	@tools/make_venv
	@build/venv/bin/python tools/run_tests test-peers $(wildcard tests/peers/*.py)

test-tsan: deps-check
	@tools/run_tests test-tsan tsan/suan_unit_tests

slow-test: deps
	@tools/run_tests slow-test release/suan_slow_tests

cuda-bundle: build
	@tools/build release suan_ops_tests
	@tools/cuda_bundle

check: deps-check
	@tools/check

format: deps-check
	@git ls-files -co --exclude-standard '*.h' '*.cpp' '*.cu' '*.cuh' | xargs -r clang-format-19 -i

clean:
	rm -rf build

deps:
	@tools/install_deps build

deps-check:
	@tools/install_deps build check
