# Carrel's build: `make help` is its manual. A new .c file needs no edit here: sources are found, headers are followed.

.DEFAULT_GOAL := build
.SUFFIXES:
.DELETE_ON_ERROR:
.PHONY: help setup build test demo bench asan ubsan tsan tidy fuzz sim mutants e2e image manifests install clean check fuzzers soak FORCE

ifneq ($(filter clean,$(MAKECMDGOALS)),)
.NOTPARALLEL: # `make -j2 clean build` means one after the other
endif

# --- What may be set on the command line -----------------------------------------------------------------------------
ifeq ($(origin CC),default)
CC = gcc
endif
FLAVOUR =#           asan, ubsan, tsan or fuzz: everything again, apart, with that sanitizer
WERROR ?=#           1: warnings are errors (CI sets it)
V =#                 1: show the commands
SECONDS = 30#        for `fuzz` (each fuzzer) and `sim`
MINUTES = 60#        for `soak`
MUTANTS =#           how many for `mutants`, others every day; none: all
PREFIX = /usr/local
DESTDIR =

# --- Flavours: one tree of objects each ------------------------------------------------------------------------------
O := $(if $(FLAVOUR),build/$(FLAVOUR:fuzz=fuzz-obj),build)

HARDEN := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
SANITIZE_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined
SANITIZE_ubsan := -fsanitize=undefined -fno-sanitize-recover=undefined
SANITIZE_tsan := -fsanitize=thread
SANITIZE_fuzz := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
SANITIZE := $(SANITIZE_$(FLAVOUR))
export UBSAN_OPTIONS ?= print_stacktrace=1
ifneq ($(SANITIZE),)
HARDEN := -U_FORTIFY_SOURCE# the checks of _FORTIFY_SOURCE would hide calls from the sanitizers
else ifneq ($(FLAVOUR),)
$(error FLAVOUR=$(FLAVOUR): there is asan, ubsan, tsan and fuzz)
endif
ifeq ($(FLAVOUR),fuzz)
override CC := clang
endif

# --- Flags. Those that ask pkg-config or git are worked out at their first use, once, because `setup` comes before ---
once = $(eval $(1) := $(shell $(2)))$($(1))
PKGS := libcurl libcjson yaml-0.1 libcrypto
PKG_CFLAGS = $(call once,PKG_CFLAGS,pkg-config --cflags $(PKGS))
PKG_LIBS = $(call once,PKG_LIBS,pkg-config --libs $(PKGS))
VERSION = $(call once,VERSION,git describe --tags --always --dirty 2>/dev/null || echo 0.1.0-dev)

WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla -Wformat=2 \
        $(if $(filter 1,$(WERROR)),-Werror)
CFLAGS = -O2 -g
COMPILE = $(CC) -std=gnu11 $(CFLAGS) -fno-omit-frame-pointer -fstack-protector-strong -fPIE $(HARDEN) $(SANITIZE) \
          $(WARN) -D_GNU_SOURCE -I. -include lib/banned.h $(PKG_CFLAGS)
LINK = $(CC) $(CFLAGS) $(SANITIZE) -pie -Wl,-z,relro,-z,now,--as-needed $(LDFLAGS)
LIBS = $(PKG_LIBS) -lcivetweb -lpthread

# --- Sources and what is made of them --------------------------------------------------------------------------------
Q := $(if $(V),,@)
say := @$(if $(V),:,echo)
sources = $(sort $(shell find $(1) -name '*.c' 2>/dev/null))
objects = $(patsubst %.c,$(O)/%.o,$(1))

LIB_C := $(call sources,lib controller dev apiserver)
CMD_C := $(call sources,cmd)
UNIT_C := $(sort $(wildcard test/unit/*.c)) test/check.c
SIM_C := $(sort $(wildcard test/sim/*.c))
FUZZ_C := $(sort $(wildcard test/fuzz/fuzz_*.c))
FUZZERS := $(patsubst test/fuzz/fuzz_%.c,build/fuzz/%,$(FUZZ_C))
ALL_C := $(LIB_C) $(CMD_C) $(UNIT_C) $(SIM_C) $(FUZZ_C) bench/loader.c

$(O)/carrel: $(call objects,$(CMD_C) $(LIB_C))
	$(say) '  link  $@'
	$(Q)$(LINK) -o $@ $(filter %.o %.a,$^) $(LIBS)

$(O)/unit: $(call objects,$(UNIT_C) $(filter-out cmd/main.c,$(CMD_C)) $(LIB_C))
	$(say) '  link  $@'
	$(Q)$(LINK) -o $@ $(filter %.o %.a,$^) $(LIBS)

$(O)/sim: $(call objects,$(SIM_C)) $(O)/carrel.a
	$(say) '  link  $@'
	$(Q)$(LINK) -o $@ $(filter %.o %.a,$^) $(LIBS)

$(O)/loader: $(call objects,bench/loader.c) $(O)/carrel.a
	$(say) '  link  $@'
	$(Q)$(LINK) -o $@ $(filter %.o %.a,$^) $(LIBS)

ifeq ($(FLAVOUR),fuzz)
$(FUZZERS): build/fuzz/%: $(O)/test/fuzz/fuzz_%.o $(O)/carrel.a
	@mkdir -p $(@D)
	$(say) '  link  $@'
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $(filter %.o %.a,$^) $(LIBS)
else
$(FUZZERS) &: FORCE # by one make: two at once would both write the archive
	@$(MAKE) --no-print-directory FLAVOUR=fuzz $(FUZZERS)
endif

$(O)/carrel.a: $(call objects,$(LIB_C)) # for programs that take only what they use
	@rm -f $@
	$(Q)ar rcs $@ $(filter %.o,$^)

$(O)/%.o: %.c $(O)/.flags | setup
	@mkdir -p $(@D)
	$(say) '  cc    $@'
	$(Q)$(COMPILE) $(DEFINE) -MMD -MP -c -o $@ $<

$(O)/cmd/version.o: DEFINE = -DCARREL_VERSION='"$(VERSION)"'
$(O)/cmd/version.o: $(O)/.version
$(O)/apiserver/document.o: docs/openapi.yaml web/docs.html web/docs.js

-include $(patsubst %.c,$(O)/%.d,$(ALL_C))

# A change of compiler, flags, version or list of sources makes again what was made with the old one.
remember = @mkdir -p $(@D); echo '$(1)' | cmp -s - $@ || echo '$(1)' >$@
$(O)/.flags: FORCE | setup
	$(call remember,$(COMPILE))
$(O)/.version: FORCE
	$(call remember,$(VERSION))
$(O)/.sources: FORCE
	$(call remember,$(ALL_C))
$(O)/carrel $(O)/carrel.a $(O)/unit $(O)/sim: $(O)/.sources

# --- For people ------------------------------------------------------------------------------------------------------
help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-10s%s\n", $$1, $$2}' Makefile
	@echo; echo "  FLAVOUR=asan|ubsan|tsan, CC=clang, WERROR=1, V=1 go with each: make FLAVOUR=asan build/asan/unit"
	@echo "  One test: make build/unit && build/unit -v workq"

PACKAGE_LISTS = $(wildcard packages test/cluster/packages image/packages)
setup: ## Install the Debian packages that are missing (silent when there are none)
	@command -v dpkg-query >/dev/null || exit 0; \
	wanted=$$(sed 's/#.*//' $(PACKAGE_LISTS)); \
	missing=$$(dpkg-query -W -f '$${db:Status-Status} $${Package}\n' $$wanted 2>/dev/null | \
	    awk -v wanted="$$wanted" '$$1 == "installed" {have[$$2]} \
	        END {n = split(wanted, w); for (i = 1; i <= n; i++) if (!(w[i] in have)) print w[i]}'); \
	[ -n "$$missing" ] || exit 0; \
	echo "setup: Carrel is built and tested with Debian packages that are not installed here yet:"; \
	awk -v missing="$$missing" 'BEGIN {n = split(missing, m); for (i = 1; i <= n; i++) want[m[i]]} \
	    $$1 in want {print "    " $$0}' $(PACKAGE_LISTS); \
	[ "$$(id -u)" = 0 ] && as_root= || as_root=sudo; \
	apt="$$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600"; \
	echo "setup: running: $${as_root:+sudo }apt-get update; apt-get install --no-install-recommends" $$missing; \
	$$apt update </dev/null && $$apt install -y --no-install-recommends $$missing </dev/null >/dev/null

build: $(O)/carrel ## Build the program: build/carrel
test: setup build ## Build and run every test; the last line says N passed, N failed
	+@test/run
demo: setup ## Show a session that starts, sleeps and wakes, on this machine
	@demo/run

asan: ## Unit tests and simulator with the address and undefined-behaviour sanitizers
ubsan: ## The same with the undefined-behaviour sanitizer alone
tsan: ## The same with the thread sanitizer
asan ubsan tsan:
	@$(MAKE) --no-print-directory FLAVOUR=$@ check

tidy: ## Check what the compiler cannot: include arrows, wrappers, dead files, form
	@test/tidy
fuzz: ## Run every fuzzer from its corpus: make fuzz SECONDS=30
	+@FUZZ_SECONDS=$(SECONDS) test/run fuzz
sim: ## Run the simulator on fresh seeds: make sim SECONDS=30
	+@SIM_SECONDS=$(SECONDS) test/run sim
mutants: ## Try the simulator on deliberate bugs, each of which it must see: make mutants MUTANTS=5 for a few
	@test/mutants/run $(if $(MUTANTS),--few $(MUTANTS),--table docs/mutants.md)
e2e: build ## The tests against a real Kubernetes
	@test/e2e/run
soak: build ## Users and faults for an hour, 200 kills, every loss of a leader: make soak MINUTES=60
	@MINUTES=$(MINUTES) test/soak/run
bench: build ## Measure it beside its peers, for hours (docs/performance.md); bench/run short tries that
	@bench/run
image: setup ## Build the container image localhost/carrel:dev into build/carrel.tar
	@image/build

manifests: setup ## Make manifests/install.yaml from the chart
	@test/cluster/build helm
	@manifests/make

install: build ## Install under PREFIX (/usr/local), staged under DESTDIR
	install -D -m 755 $(O)/carrel $(DESTDIR)$(PREFIX)/bin/carrel
	install -d $(DESTDIR)$(PREFIX)/share/carrel/crds $(DESTDIR)$(PREFIX)/share/doc/carrel
	$(if $(wildcard crds/*.yaml),install -m 644 $(wildcard crds/*.yaml) $(DESTDIR)$(PREFIX)/share/carrel/crds)
	install -m 644 $(wildcard README.md LICENSE docs/*.md) $(DESTDIR)$(PREFIX)/share/doc/carrel
clean: ## Remove build/
	rm -rf build

# --- For test/run ----------------------------------------------------------------------------------------------------
fuzzers: $(FUZZERS)

check: $(O)/unit $(if $(SIM_C),$(O)/sim)
	@$(RUN_$(FLAVOUR)) $(O)/unit
	@$(if $(SIM_C),$(RUN_$(FLAVOUR)) $(O)/sim --seconds 5)

# The thread sanitizer of gcc 12 cannot live with as much address randomness as newer kernels have.
RUN_tsan = $(call once,RUN_tsan,setarch -R true 2>/dev/null && echo setarch -R)
