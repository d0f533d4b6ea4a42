# Copyright (C) The Pharos Authors
#
# Everything a person does with the project is a target of this file; run
# "make help" for the list.  Products go to $(BUILD), never beside a source.

BUILD    ?= build
CC       ?= cc
CFLAGS   ?= -O2 -g
WARN      = -Wall -Wextra -Werror -Wno-unused-parameter
CSTD      = -std=c99 -D_GNU_SOURCE
INCLUDES  = -Isrc -I/usr/include/luajit-2.1
SAN       = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
            -fno-omit-frame-pointer

# The folders of src below src/ngx, each a library of its own, in the order
# a linker needs: users before what they use.
FOLDERS   = api script notify rules errors boards ingest host promql store \
            settings core
LIBS      = -llmdb -lyaml -ljansson -lpcre2-8 -lsnappy -lzstd -lz \
            -lluajit-5.1 -lcrypto -lm -lpthread -ldl

UNIT      = $(notdir $(basename $(filter-out t/unit/memstore.c t/unit/oom.c, \
            $(wildcard t/unit/*.c))))
HELPERS   = $(wildcard t/unit/memstore.c t/unit/oom.c)



.PHONY: help unit unit-plain unit-asan clean

help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)

#: make unit          C unit tests, plain and under ASan+UBSan
#: make unit-plain    C unit tests alone; ONLY=store_chunk for one of them
#: make clean         removes build products

ONLY     ?= $(UNIT)

unit: unit-plain unit-asan

unit-plain: $(ONLY:%=$(BUILD)/unit/%.t)
	prove -e '' $^

unit-asan: $(ONLY:%=$(BUILD)/unit-asan/%.t)
	prove -e '' $^

clean:
	rm -rf $(BUILD) html/dist


# $(1): variant (plain, asan)  $(2): flags
define variant
$(BUILD)/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(CC) $$(CSTD) $(2) $$(WARN) $$(INCLUDES) -MMD -MP -c $$< -o $$@

$$(foreach f,$$(FOLDERS),$$(eval $$(call folder,$(1),$$(f))))
endef

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

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
