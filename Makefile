# Copyright (C) The Pharos Authors
#
# Everything a person does with the project is a target of this file; run
# "make help" for the list.  Products go to $(BUILD), never beside a source.

BUILD    ?= build
CC       ?= cc
CFLAGS   ?= -O2 -g
WARN      = -Wall -Wextra -Werror -Wno-unused-parameter
CSTD      = -std=c99 -D_GNU_SOURCE
INCLUDES  = -Isrc -I$(BUILD)/gen -I/usr/include/luajit-2.1
SAN       = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
            -fno-omit-frame-pointer

# The folders of src below src/ngx, each a library of its own, in the order
# a linker needs: users before what they use.
FOLDERS   = api script notify rules errors boards ingest host promql store \
            settings core
LIBS      = -llmdb -lyaml -ljansson -lsnappy -lzstd -lz \
            -lluajit-5.1 -lcrypto -lm -lpthread -ldl

UNIT      = $(notdir $(basename $(filter-out t/unit/memstore.c t/unit/oom.c, \
            $(wildcard t/unit/*.c))))
HELPERS   = $(wildcard t/unit/memstore.c t/unit/oom.c)


# nginx's headers and configure as Debian's nginx-dev installs them
NGINX_DEV ?= /usr/share/nginx/src
NGINX_OPT  = --with-compat --with-threads --with-http_ssl_module \
             --with-http_stub_status_module --with-cc-opt='-O2 -g'
MODULE     = ngx_http_pharos_module.so


# where "make start" runs
RUN      ?= run
PORT     ?= 9090
TLS_PORT ?= 8443
JOBS     ?= $(shell nproc)
PACKAGES  = packaging/install-packages
LISTS     = packaging/packages-build.txt
START     = MODULE=$(BUILD_DIR)/$(MODULE) PAGE=$(CURDIR)/html/dist \
            LUA=$(CURDIR)/lua RUN="$(RUN)" PORT="$(PORT)" \
            TLS_PORT="$(TLS_PORT)" PROMETHEUS_YML="$(PROMETHEUS_YML)" \
            ALERTMANAGER_YML="$(ALERTMANAGER_YML)" \
            DASHBOARDS="$(DASHBOARDS)" RETENTION="$(RETENTION)" \
            packaging/start


.PHONY: help start stop status build tool packages install package test check \
        lua integration browser lint page page-check unit unit-plain \
        unit-asan unit-programs test-asan accept $(ACCEPT:%=accept-%) \
        module module-mainline \
        test-mainline test-tsan fuzz ci clean

help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)

#: make start         installs what is missing, builds, starts in run/
#: make stop          ends it
#: make status        says whether it runs, and its URLs
#:                    with RUN=DIR PORT=9090 TLS_PORT=8443 RETENTION=15d
#:                    PROMETHEUS_YML=FILE ALERTMANAGER_YML=FILE
#:                    DASHBOARDS=DIR
start: packages
	@$(MAKE) --no-print-directory -j$(JOBS) build
	@$(START) start

stop status:
	@$(START) $@

packages:
	@$(PACKAGES) $(LISTS)

#: make build         the module, the command and the page
build: module tool page

#: make install       into Debian's nginx, below DESTDIR if that is set
install: build
	BUILD=$(BUILD_DIR) packaging/install

#: make package       a .deb for the nginx that is installed, in $(BUILD)
package: build
	BUILD=$(BUILD_DIR) packaging/package

#: make test          installs what is missing, builds, runs all tests
#: make ci            the same, as continuous integration does
test: LISTS += packaging/packages-test.txt
test: packages
	@$(MAKE) --no-print-directory -j$(JOBS) build unit-programs
	@$(MAKE) --no-print-directory -k check && echo "all tests passed"

ci:
	.ci/run

check: lint unit lua integration page-check browser

#: make lint          luacheck, and the style of sources
lint:
	prove t/style*.t
	luacheck -q lua t/lua

#: make lua           tests of the Lua modules
lua:
	prove -e luajit t/lua/*.t

#: make integration   tests of a real nginx; ONLY_T=t/api_query.t for one
TESTS     = $(filter-out t/style%,$(wildcard t/*.t))
ONLY_T   ?= $(TESTS)

export PHAROS_TOOL = $(BUILD_DIR)/pharos

integration: module tool
	PHAROS_MODULE=$(BUILD_DIR)/$(MODULE) prove -j$(JOBS) $(ONLY_T)

#: make page          the page, in html/dist
#: make page-check    types, style and unit tests of the page
#: make browser       the page of a running nginx in a real browser
#
# Newer versions of npm refuse to "ci" where the registry lacks a package of
# some other platform; an installation has the versions of the lock as well.
MODULES   = html/node_modules/.package-lock.json
NPM       = --no-audit --no-fund --loglevel=error
PAGE      = html/dist/index.html

page: $(PAGE)

$(MODULES): html/package-lock.json
	cd html && { npm ci $(NPM) 2>/dev/null || npm install --no-save $(NPM); }
	@touch $@

$(PAGE): $(MODULES) $(filter-out %.test.ts,$(shell \
        find html/src html/public html/index.html html/tsconfig.json \
        html/vite.config.ts -type f))
	cd html && npm run --silent build
	@touch $@

page-check: $(MODULES)
	cd html && npx tsc --noEmit
	cd html && npm run --silent lint
	cd html && npm run --silent test

browser: PROMETHEUS_YML = t/browser/prometheus.yml
browser: build
	@$(START) try prove -e node t/browser/*.t

#: make unit          C unit tests, plain and under ASan+UBSan
#: make unit-plain    C unit tests alone; ONLY=store_chunk for one of them
#: make accept        what is proved with other programs beside, one by one:
#:                    accept-compare (DURATION=600), accept-alert,
#:                    accept-torture (ROUNDS=200 SEED=N), accept-proxy
#:                    (RUNS=7), accept-verdicts (PHAROS_CORPUS=DIR),
#:                    accept-hostile (RUNS=3)
ACCEPT    = compare alert torture proxy verdicts hostile
export DURATION ROUNDS SEED RUNS PHAROS_CORPUS

accept: $(ACCEPT:%=accept-%)

$(ACCEPT:%=accept-%): accept-%: module tool $(BUILD)/bench/fill
	PHAROS_MODULE=$(BUILD_DIR)/$(MODULE) \
	    PHAROS_FILL=$(BUILD_DIR)/bench/fill perl bench/$*.pl

#: make accept-powerloss   what is left when the power fails: POINTS=300 of
#:                    chance SEED=N in what SECONDS=30 of load wrote
#: make accept-diskfull    a minute of a full disk: FULL_SECONDS=60
#: make accept-remote what a prometheus that is restarted writes here, and
#:                    the import of its blocks: DURATION=600
export POINTS SECONDS FULL_SECONDS

.PHONY: accept-powerloss accept-diskfull accept-remote
accept-powerloss: module $(BUILD)/bench/powerloss_record.so \
        $(BUILD)/bench/powerloss_replay
	PHAROS_MODULE=$(BUILD_DIR)/$(MODULE) \
	    PHAROS_POWERLOSS=$(BUILD_DIR)/bench/powerloss \
	    perl bench/powerloss.pl

accept-diskfull: module
	PHAROS_MODULE=$(BUILD_DIR)/$(MODULE) \
	    FULL_SECONDS=$(or $(FULL_SECONDS),60) prove -v t/store_full.t

accept-remote: module tool
	PHAROS_MODULE=$(BUILD_DIR)/$(MODULE) perl bench/remote.pl

$(BUILD)/bench/powerloss_record.so: bench/powerloss_record.c \
        bench/powerloss.h
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) $(WARN) -shared -fPIC -o $@ $< -ldl

$(BUILD)/bench/powerloss_replay: $(BUILD)/plain/bench/powerloss_replay.o \
        $(BUILD)/plain/bench/powerloss_disk.o \
        $(BUILD)/plain/libstore.a $(BUILD)/plain/libcore.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LIBS)

#: make bench-differ  random queries, answers beside those of prometheus:
#:                    QUERIES=20000 SEED=N
export QUERIES

.PHONY: bench-differ
bench-differ: module
	PHAROS_MODULE=$(BUILD_DIR)/$(MODULE) perl bench/differ.pl

#: make bench-regex   random regular expressions, beside those of prometheus:
#:                    PATTERNS=20000 SEED=N
#: make bench-regex-cost   what matching a value takes
export PATTERNS

.PHONY: bench-regex bench-regex-cost
bench-regex: $(BUILD)/bench/regex_match
	PHAROS_REGEX=$(BUILD_DIR)/bench/regex_match perl bench/regex_differ.pl

bench-regex-cost: $(BUILD)/bench/regex_cost
	$(BUILD)/bench/regex_cost

$(BUILD)/bench/regex_match $(BUILD)/bench/regex_cost: $(BUILD)/bench/%: \
        $(BUILD)/plain/bench/%.o $(BUILD)/plain/libcore.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LIBS)

#: make bench-dialect  the MetricsQL dialect beside victoria-metrics
.PHONY: bench-dialect
bench-dialect: module
	PHAROS_MODULE=$(BUILD_DIR)/$(MODULE) perl bench/dialect.pl

#: make bench-query   queries side by side with prometheus and
#:                    victoria-metrics: BUDGET=1.5 KINDS=PATTERN
#:                    SYSTEMS=ours,prometheus QUERY_DATA=DIR
export BUDGET KINDS SYSTEMS QUERY_DATA

.PHONY: bench-query
bench-query: module $(BUILD)/bench/query_fill
	PHAROS_MODULE=$(BUILD_DIR)/$(MODULE) \
	    PHAROS_QUERY_FILL=$(BUILD_DIR)/bench/query_fill \
	    perl bench/query.pl

#: make bench-store   the store side by side with prometheus and
#:                    victoria-metrics: SECTIONS=scrape,disk SCALE=0.1
export SECTIONS SCALE

.PHONY: bench-store
bench-store: module $(BUILD)/bench/store_load
	PHAROS_MODULE=$(BUILD_DIR)/$(MODULE) \
	    PHAROS_STORE_LOAD=$(BUILD_DIR)/bench/store_load \
	    perl bench/store_compare.pl

$(BUILD)/bench/store_load: $(patsubst %,$(BUILD)/plain/bench/store_%.o, \
        load data targets write) \
        $(BUILD)/plain/libstore.a $(BUILD)/plain/libcore.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LIBS)

$(BUILD)/bench/query_fill: $(BUILD)/plain/bench/query_fill.o \
        $(BUILD)/plain/libstore.a $(BUILD)/plain/libcore.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LIBS)

REMOTE_LIBS = ingest store host settings core

$(BUILD)/bench/remote_fill: $(BUILD)/plain/bench/remote_fill.o \
        $(REMOTE_LIBS:%=$(BUILD)/plain/lib%.a)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LIBS)

#: make accept-flips  what flipped bits in a store do: FLIPS=2000 SEED=1
#:                    FIRST=0, to see a round again
FLIPS    ?= 2000

.PHONY: accept-flips
accept-flips: $(BUILD)/bench/flips
	@rm -rf $(BUILD)/flips.store
	$(BUILD)/bench/flips $(BUILD)/flips.store $(FLIPS) $(or $(SEED),1) $(FIRST)

$(BUILD)/bench/flips: $(patsubst %,$(BUILD)/plain/bench/%.o, \
        flips flips_store flips_batch flips_look) \
        $(BUILD)/plain/libstore.a $(BUILD)/plain/libcore.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LIBS)

$(BUILD)/bench/fill: $(BUILD)/plain/bench/fill.o $(BUILD)/plain/libstore.a \
        $(BUILD)/plain/libcore.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LIBS)

#: make bench-churn   a simulated month of pods that come and go, and what
#:                    a sample costs and the file takes by day, in memory (the
#:                    disk is not what is measured); CHURN="days
#:                    retention pods series percent seconds"
CHURN     ?=
CHURN_DIR ?= /dev/shm/pharos-churn

.PHONY: bench-churn
bench-churn: $(BUILD)/bench/churn
	@rm -rf $(CHURN_DIR) && mkdir -p $(CHURN_DIR)
	$(BUILD)/bench/churn $(CHURN_DIR) $(CHURN); rc=$$?; rm -rf $(CHURN_DIR); exit $$rc

$(BUILD)/bench/churn: $(BUILD)/plain/bench/churn.o \
        $(BUILD)/plain/libstore.a $(BUILD)/plain/libcore.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LIBS)

#: make bench-downsample   what buckets cost and take, and queries of a year
#:                    with and without them: DOWNSAMPLE="days series seconds"
DOWNSAMPLE     ?= 365 50 15
DOWNSAMPLE_DIR ?= /dev/shm/pharos-downsample

.PHONY: bench-downsample
bench-downsample: $(BUILD)/bench/downsample
	@rm -rf $(DOWNSAMPLE_DIR) && mkdir -p $(DOWNSAMPLE_DIR)
	$(BUILD)/bench/downsample $(DOWNSAMPLE_DIR) $(DOWNSAMPLE); rc=$$?; \
	    rm -rf $(DOWNSAMPLE_DIR); exit $$rc

$(BUILD)/bench/downsample: $(BUILD)/plain/bench/downsample.o \
        $(BUILD)/plain/bench/store_data.o \
        $(BUILD)/plain/libpromql.a $(BUILD)/plain/libstore.a \
        $(BUILD)/plain/libcore.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LIBS)

#: make bench-growth  what a sample costs and a series takes with 10 k, 100 k
#:                    and 1 M series: GROWTH="rounds targets ...", each of
#:                    1,000 series
GROWTH     ?= 150 10 100 1000
GROWTH_DIR ?= /dev/shm/pharos-growth

.PHONY: bench-growth
bench-growth: $(BUILD)/bench/growth
	@rm -rf $(GROWTH_DIR) && mkdir -p $(GROWTH_DIR)
	$(BUILD)/bench/growth $(GROWTH_DIR) $(GROWTH); rc=$$?; \
	    rm -rf $(GROWTH_DIR); exit $$rc

$(BUILD)/bench/growth: $(BUILD)/plain/bench/growth.o \
        $(BUILD)/plain/bench/store_data.o \
        $(REMOTE_LIBS:%=$(BUILD)/plain/lib%.a)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LIBS)

#: make fuzz          each parser with bytes of chance; needs clang
#:                    FUZZ_SECONDS=60 each, ONLY_FUZZ=promql for one
#: make clean         removes build products

ONLY     ?= $(UNIT)
PROGRAMS  = $(ONLY:%=$(BUILD)/unit/%.t)
ASAN      = $(ONLY:%=$(BUILD)/unit-asan/%.t)

unit: unit-plain unit-asan

unit-plain: $(PROGRAMS)
	prove -j$(JOBS) -e '' $^

unit-asan: $(ASAN)
	prove -j$(JOBS) -e '' $^

unit-programs: $(PROGRAMS) $(ASAN)

#: make module        the module, for Debian's nginx
#: make module-mainline NGINX_SRC=DIR   for a source tree of nginx
#: make test-mainline NGINX_SRC=DIR     the tests with the nginx built there,
#:                    or with another one of that version: NGINX=FILE
module: $(BUILD)/$(MODULE)

$(BUILD)/nginx/configure: $(NGINX_DEV)/configure
	@mkdir -p $(BUILD)
	rm -rf $(BUILD)/nginx
	cp -rL $(NGINX_DEV) $(BUILD)/nginx
	touch $@

$(BUILD)/nginx/objs/Makefile: config src/core/regex_unicode.pl \
        $(BUILD)/nginx/configure
	cd $(BUILD)/nginx && ./configure $(NGINX_OPT) \
	    --add-dynamic-module=$(CURDIR) > configure.log 2>&1 \
	    || { tail -20 configure.log; rm -f objs/Makefile; exit 1; }

# nginx's own Makefile knows what is out of date; install by rename, as a
# running nginx may have the old file mapped
$(BUILD)/$(MODULE): $(BUILD)/nginx/objs/Makefile FORCE
	@$(MAKE) -s --no-print-directory -C $(BUILD)/nginx -f objs/Makefile modules
	@cmp -s $(BUILD)/nginx/objs/$(MODULE) $@ || { \
	    cp $(BUILD)/nginx/objs/$(MODULE) $@.new && mv $@.new $@; }

#: make tool          the command line program, in $(BUILD)/pharos
TOOL_LIBS = ingest host promql store settings core

tool: $(BUILD)/pharos

$(BUILD)/pharos: $(patsubst %.c,$(BUILD)/plain/%.o,$(wildcard src/tool/*.c)) \
        $(TOOL_LIBS:%=$(BUILD)/plain/lib%.a)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ -Wl,--as-needed $(LIBS)

module-mainline:
	@test -n "$(NGINX_SRC)" || { echo "say NGINX_SRC=DIR"; exit 1; }
	@mkdir -p $(BUILD)/mainline
	cd $(NGINX_SRC) && { test -f configure && c=./configure \
	    || c=auto/configure; } && \
	    test $(BUILD_DIR)/mainline/Makefile -nt $(CURDIR)/config \
	    || $$c --builddir=$(BUILD_DIR)/mainline $(NGINX_OPT) \
	    --add-dynamic-module=$(CURDIR) > $(BUILD_DIR)/mainline.log 2>&1 \
	    || { tail -20 $(BUILD_DIR)/mainline.log; exit 1; }
	$(MAKE) -C $(NGINX_SRC) -f $(BUILD_DIR)/mainline/Makefile modules

# Not built here: an nginx that is --with-compat and has the modules that the
# tests use.
NGINX     ?= $(NGINX_SRC)/objs/nginx
NGINX_HAS  = compat threads http_ssl_module http_stub_status_module \
             http_auth_request_module http_realip_module

test-mainline: module-mainline tool
	@test -x "$(NGINX)" || { echo "no nginx at $(NGINX), say NGINX=FILE"; \
	    exit 1; }
	@for o in $(NGINX_HAS); do $(NGINX) -V 2>&1 | grep -q -e "--with-$$o" \
	    || { echo "$(NGINX) is not --with-$$o"; exit 1; }; done
	PHAROS_NGINX=$(abspath $(NGINX)) \
	    PHAROS_MODULE=$(BUILD_DIR)/mainline/$(MODULE) \
	    prove -j$(JOBS) $(ONLY_T)

#: make test-asan NGINX_SRC=DIR   t/ with nginx under ASan, the module also
#:                    under UBSan: nginx is not, for it is not clean there
ASAN_OPT  = detect_leaks=0:detect_odr_violation=0
UBSAN_OPT = print_stacktrace=1

test-asan: tool
	packaging/nginx-san address undefined $(BUILD_DIR)/san-asan "$(NGINX_SRC)"
	PHAROS_NGINX=$(BUILD_DIR)/san-asan/nginx \
	    PHAROS_MODULE=$(BUILD_DIR)/san-asan/$(MODULE) \
	    ASAN_OPTIONS=$(ASAN_OPT) UBSAN_OPTIONS=$(UBSAN_OPT) \
	    prove $(ONLY_T)

#: make test-tsan NGINX_SRC=DIR   tests that keep all threads of the helper
#:                    busy, or ONLY_T, with nginx under ThreadSanitizer
TSAN_T    = $(wildcard $(addprefix t/,helper_threads.t scrape_many.t \
            scrape_file_sd.t push_groups.t remote_write.t api_queries.t \
            api_import.t api_limits.t api_boards.t api_backup.t conf_reload.t \
            notify_webhook.t store_late.t store_retention.t))
TSAN_OPT  = die_after_fork=0:history_size=4:suppressions=$(CURDIR)/t/tsan.supp

test-tsan: tool
	packaging/nginx-san thread thread $(BUILD_DIR)/san-tsan "$(NGINX_SRC)"
	PHAROS_NGINX=$(BUILD_DIR)/san-tsan/nginx \
	    PHAROS_MODULE=$(BUILD_DIR)/san-tsan/$(MODULE) \
	    TSAN_OPTIONS=$(TSAN_OPT) \
	    prove $(if $(filter file,$(origin ONLY_T)),$(TSAN_T),$(ONLY_T))

BUILD_DIR  = $(abspath $(BUILD))

.PHONY: FORCE
FORCE:

clean:
	rm -rf $(BUILD) html/dist


# $(1): variant (plain, asan)  $(2): flags
define variant
$(BUILD)/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(CC) $$(CSTD) $(2) $$(WARN) $$(INCLUDES) -MMD -MP -c $$< -o $$@

$(BUILD)/$(1)/src/core/regex_unicode.o: $$(TABLES)

$$(foreach f,$$(FOLDERS),$$(eval $$(call folder,$(1),$$(f))))
endef

# tables that are made of what Perl knows of Unicode
TABLES    = $(BUILD)/gen/core/regex_category.h \
            $(BUILD)/gen/core/regex_script.h

$(TABLES) &: src/core/regex_unicode.pl
	@mkdir -p $(@D)
	perl $< $(@D)

# $(1): variant  $(2): folder
define folder
$(BUILD)/$(1)/lib$(2).a: $$(patsubst %.c,$(BUILD)/$(1)/%.o,$$(wildcard src/$(2)/*.c))
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcs $$@ $$^
endef

$(eval $(call variant,plain,$(CFLAGS)))
$(eval $(call variant,asan,$(SAN)))

# A test of a folder links the libraries that the folder may include, so
# that a folder under work never breaks the tests of another.
USES_core     = core
USES_settings = settings core
USES_store    = store core
USES_promql   = promql core
USES_host     = host core
USES_ingest   = ingest host settings core
USES_boards   = boards core
USES_errors   = errors store core
USES_rules    = rules promql settings core
USES_notify   = notify rules promql settings core
USES_script   = script notify rules promql settings core
USES_api      = $(filter-out script,$(FOLDERS))

folder_of     = $(firstword $(subst _, ,$(1)))
libs_of       = $(patsubst %,$(BUILD)/$(2)/lib%.a,$(USES_$(call folder_of,$(1))))

.SECONDARY:
.SECONDEXPANSION:

$(BUILD)/unit/%.t: $(BUILD)/plain/t/unit/%.o \
        $(HELPERS:%.c=$(BUILD)/plain/%.o) $$(call libs_of,$$*,plain)
	@mkdir -p $(@D)
	$(CC) -rdynamic -o $@ $^ $(LIBS)

$(BUILD)/unit-asan/%.t: $(BUILD)/asan/t/unit/%.o \
        $(HELPERS:%.c=$(BUILD)/asan/%.o) $$(call libs_of,$$*,asan)
	@mkdir -p $(@D)
	$(CC) $(SAN) -rdynamic -o $@ $^ $(LIBS)

# The targets of t/fuzz.  What was found is in $(BUILD)/fuzz/found; each
# target starts from what seeds.pl writes and from what earlier runs learned.
FUZZ_SECONDS ?= 60
FUZZ_CC      ?= clang
ONLY_FUZZ    ?= $(basename $(notdir $(wildcard t/fuzz/*.c)))
FUZZERS       = $(ONLY_FUZZ:%=$(BUILD)/fuzz/run/%)
FUZZ_OPTIONS  = -max_total_time=$(FUZZ_SECONDS) -timeout=20 -max_len=4096 \
                -rss_limit_mb=2048 -print_final_stats=1

$(eval $(call variant,fuzz,$(SAN) -fsanitize=fuzzer-no-link))
$(BUILD)/fuzz/%: CC = $(FUZZ_CC)

$(BUILD)/fuzz/run/%: $(BUILD)/fuzz/t/fuzz/%.o \
        $(BUILD)/fuzz/t/unit/memstore.o $(FOLDERS:%=$(BUILD)/fuzz/lib%.a)
	@mkdir -p $(@D)
	$(CC) $(SAN) -fsanitize=fuzzer -rdynamic -o $@ $^ $(LIBS)

fuzz: $(FUZZERS)
	@perl t/fuzz/seeds.pl $(BUILD)/fuzz/seeds
	@failed=; for f in $(ONLY_FUZZ); do \
	    mkdir -p $(BUILD)/fuzz/seeds/$$f $(BUILD)/fuzz/learned/$$f \
	        $(BUILD)/fuzz/found; \
	    $(BUILD)/fuzz/run/$$f $(FUZZ_OPTIONS) \
	        -artifact_prefix=$(BUILD)/fuzz/found/$$f- \
	        $(BUILD)/fuzz/learned/$$f $(BUILD)/fuzz/seeds/$$f \
	        > $(BUILD)/fuzz/$$f.log 2>&1 \
	        && echo "$$f: ok," $$(sed -n \
	            's/^stat::number_of_executed_units: *//p' \
	            $(BUILD)/fuzz/$$f.log) inputs \
	        || { echo "$$f: FAILED, see $(BUILD)/fuzz/$$f.log"; \
	             failed=1; }; \
	done; test -z "$$failed"

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
