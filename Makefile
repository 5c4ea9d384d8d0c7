# ltm: Latent Thought Models on CPUs. `make help` lists the targets.
#
#     make                                    build/ltm and build/libltm.a for this machine
#     make CC=clang                           with another compiler
#     make ONEDNN=0                           without bf16 (by default with libdnnl-dev if installed)
#     make LBFGS=0                            without scaling-law fits (by default with liblbfgs-dev if installed)
#     make ARCHIVE=0 XML2=0                   without .zst, .xz, .bz2, tar, zip (libarchive-dev) and HTML (libxml2-dev), likewise
#     make HTTP=0                             without `ltm serve`, for which libmicrohttpd-dev is used likewise
#     make MPI=0                              for one process only: MPI is used where there is an mpicc
#     make ARCH=x86-64-v3                     for other machines (what -march takes; -mcpu where not x86)
#     make BUILD=build-debug CFLAGS='-O0 -g'  a build of another kind, beside the first
#
# Changes of sources, headers, flags, compilers and processors are detected: there is no need for `make clean`.

BUILD  ?= build
ARCH   ?= native
PREFIX ?= /usr/local

# make presets CC and CXX (to cc and c++), so `?=` would never take.
ifeq ($(origin CC),default)
CC = gcc
endif
ifeq ($(origin CXX),default)
CXX = $(if $(findstring clang,$(CC)),$(subst clang,clang++,$(CC)),g++)
endif

# One job per core by default. A job's output is held back until it is complete, except for targets that a person watches.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif
ifeq ($(filter test check demo deps lint sanitize tsan fuzz torture memcheck golden bench race calibrate,$(MAKECMDGOALS)),)
MAKEFLAGS += --output-sync
endif
MAKEFLAGS += --no-print-directory --no-builtin-rules
Q = $(if $V,,@)
say = @printf '  %-5s %s\n'

# ---- Flags. CPPFLAGS, CFLAGS, CXXFLAGS, LDFLAGS and LDLIBS are the user's. ----

TARGET := $(shell $(CC) -dumpmachine 2>/dev/null || uname -m)
MACHINE = $(if $(filter x86_64% i%86%,$(TARGET)),-march=$(ARCH),-mcpu=$(ARCH))
# On many processors with 512-bit vectors, compilers prefer 256-bit ones; VECTOR_BITS=512 asks for the wide ones.
ifdef VECTOR_BITS
MACHINE += -mprefer-vector-width=$(VECTOR_BITS)
endif

CFLAGS   ?= -O3 -g
CXXFLAGS ?= $(CFLAGS)
# oneDNN computes products in bf16, if installed; ONEDNN=0 builds without it.
ifndef ONEDNN
ONEDNN := $(shell $(CC) $(CPPFLAGS) -include oneapi/dnnl/dnnl.h -E -x c /dev/null >/dev/null 2>&1 && echo 1 || echo 0)
endif
# liblbfgs fits scaling laws, if installed; LBFGS=0 builds without it.
ifndef LBFGS
LBFGS := $(shell $(CC) $(CPPFLAGS) -include lbfgs.h -E -x c /dev/null >/dev/null 2>&1 && echo 1 || echo 0)
endif
# libarchive unpacks inputs and libxml2 reads HTML, if installed; ARCHIVE=0 and XML2=0 build without them.
ifndef ARCHIVE
ARCHIVE := $(shell $(CC) $(CPPFLAGS) -include archive.h -E -x c /dev/null >/dev/null 2>&1 && echo 1 || echo 0)
endif
XML2_FLAGS := -isystem /usr/include/libxml2
ifndef XML2
XML2 := $(shell $(CC) $(CPPFLAGS) $(XML2_FLAGS) -include libxml/HTMLparser.h -E -x c /dev/null >/dev/null 2>&1 && echo 1 || echo 0)
endif
# libmicrohttpd serves models over HTTP where it is installed; HTTP=0 builds without.
ifndef HTTP
HTTP := $(shell $(CC) $(CPPFLAGS) -include microhttpd.h -E -x c /dev/null >/dev/null 2>&1 && echo 1 || echo 0)
endif
# MPI joins processes, where it is installed: mpicc knows what it takes. MPI=0 builds without.
MPICC ?= mpicc
MPI_SAYS := $(shell $(MPICC) -show 2>/dev/null)
ifndef MPI
MPI := $(if $(MPI_SAYS),1,0)
endif
MPI_FLAGS = $(if $(filter 1,$(MPI)),$(patsubst -I%,-isystem %,$(filter -I% -D%,$(MPI_SAYS))))
# Not -ffast-math: NaN and Inf must be detected. These two change no result and let the compiler vectorise more loops.
# The static and the shared library consist of the same objects.
OURS = $(MACHINE) -fPIC -fno-semantic-interposition -fno-math-errno -fno-trapping-math -fopenmp -Iinclude -Isrc -Itests -D_GNU_SOURCE -DLTM_ONEDNN=$(ONEDNN) \
       -DLTM_LBFGS=$(LBFGS) -DLTM_ARCHIVE=$(ARCHIVE) -DLTM_XML2=$(XML2) $(if $(filter 1,$(XML2)),$(XML2_FLAGS)) \
       -DLTM_HTTP=$(HTTP) -DLTM_MPI=$(MPI) $(MPI_FLAGS) -MMD -MP
WARN = -Wall -Wextra -Wpointer-arith -Wvla -Wundef -Wformat=2
WARN_C = $(WARN) -Wshadow -Wstrict-prototypes -Wmissing-prototypes
compile_c  = $(CC) -std=c11 $(OURS) $(WARN_C) $(CPPFLAGS) $(CFLAGS)
compile_cc = $(CXX) -std=c++17 $(OURS) $(WARN) $(CPPFLAGS) $(CXXFLAGS)
link       = $(CC) -fopenmp $(CFLAGS) $(LDFLAGS)
LIBS       = $(if $(filter 1,$(MPI)),$(filter -L% -l% -Wl%,$(MPI_SAYS))) $(if $(filter 1,$(ONEDNN)),-ldnnl) \
             $(if $(filter 1,$(LBFGS)),-llbfgs) $(if $(filter 1,$(ARCHIVE)),-larchive) $(if $(filter 1,$(XML2)),-lxml2) $(if $(filter 1,$(HTTP)),-lmicrohttpd) -lopenblas -lsentencepiece_train -lsentencepiece -ljansson -linih -lz \
             -lstdc++ -lm

# ---- What is built from what. ----

objects    = $(patsubst %,$(BUILD)/%.o,$(basename $(wildcard $1)))
CLI_O     := $(call objects,src/cli/*.c)
LIB_O     := $(filter-out $(CLI_O),$(call objects,src/*/*.c tokenizer/*.cc)) $(BUILD)/src/serve/page.html.o
SUPPORT_O := $(call objects,tests/support/*.c)
TEST_O    := $(call objects,tests/*/test_*.c)
BENCH_O   := $(call objects,tests/bench/*.c)
PRELOAD   := $(patsubst %.c,$(BUILD)/%.so,$(wildcard tests/faults/preload_*.c))
ALL_O     := $(LIB_O) $(CLI_O) $(SUPPORT_O) $(TEST_O) $(BENCH_O) $(BUILD)/tests/lab/calibrate.o
TESTS     := $(TEST_O:.o=)

all: $(BUILD)/ltm; @:
fuzzers: $(filter $(BUILD)/tests/fuzz/%,$(TESTS)); @:
tests: $(TESTS) $(PRELOAD); @:
objects: $(ALL_O) $(PRELOAD); @:

# The library is one object in which only ltm_* stays global, so that names like `fail` cannot clash with a program's own.
# (C++ groups are dissolved, since a local name cannot head one.) The command links only to this and to UTF-8, so it cannot
# depend on internals that other users of the library lack; tests see every name, through internal.a.
$(BUILD)/libltm.a: $(LIB_O:$(BUILD)/src/base/built.o=$(BUILD)/built.o)
	$(say) AR $@
	$Q$(LD) -r --force-group-allocation -o $(@:.a=.o) $^
	$Qobjcopy --wildcard --keep-global-symbol='ltm_*' $(@:.a=.o)
	$Qrm -f $@ && $(AR) rcs $@ $(@:.a=.o)

# Of the shared one, versioned: SOVERSION rises, and the name in .ci/ltm.map with it, when a program built before could not go on.
SOVERSION = 0
shared: $(BUILD)/libltm.so.$(SOVERSION) ## libltm.so.N, from the same objects as the static library; `make install` installs it
$(BUILD)/libltm.so.$(SOVERSION): $(LIB_O:$(BUILD)/src/base/built.o=$(BUILD)/built.o) .ci/ltm.map
	$(say) LINK $@
	$Q$(link) -shared -Wl,-soname,$(@F) -Wl,--version-script=.ci/ltm.map -Wl,-z,defs -o $@ $(filter %.o,$^) $(LDLIBS) $(LIBS)

$(BUILD)/internal.a: $(LIB_O) $(SUPPORT_O)
	$(say) AR $@
	$Qrm -f $@ && $(AR) rcs $@ $^

$(BUILD)/ltm: $(CLI_O) $(BUILD)/src/base/utf8.o $(BUILD)/libltm.a
	$(say) LINK $@
	$Q$(link) -o $@ $^ $(LDLIBS) $(LIBS)

$(TESTS): %: %.o $(BUILD)/internal.a
	$(say) LINK $@
	$Q$(link) -o $@ $^ $(LDLIBS) $(LIBS) -lcmocka

# This test counts the products that actually run.
$(BUILD)/tests/model/test_operations: LDFLAGS += -Wl,--wrap=cblas_sgemm

$(BUILD)/tests/lab/calibrate: $(BUILD)/tests/lab/calibrate.o $(BUILD)/internal.a
	$(say) LINK $@
	$Q$(link) -o $@ $^ $(LDLIBS) $(LIBS)

$(BUILD)/tests/bench/bench: $(BENCH_O) $(BUILD)/internal.a
	$(say) LINK $@
	$Q$(link) -o $@ $^ $(LDLIBS) $(LIBS)

$(BUILD)/%.o: %.c $(BUILD)/flags
	$(say) CC $<
	$Qmkdir -p $(@D) && $(compile_c) -c -o $@ $<

# The command and the library report their commit. Tests use the plain object, so that a commit does not relink them all.
$(BUILD)/built.o: src/base/built.c src/base/built.h $(BUILD)/built
	$(say) CC $<
	$Q$(compile_c) -include $(BUILD)/built -c -o $@ $<

$(BUILD)/built: $(BUILD)/flags FORCE
	@{ printf '#define LTM_BUILT_COMMIT "%s"\n' \
	"$$(git describe --always --dirty=+ --abbrev=12 --exclude='*' 2>/dev/null || echo unknown)"; \
	printf '#define LTM_BUILT_FLAGS "%s"\n' "$$(echo $(call quote,$(compile_c)) | sed 's/[\\"]/\\&/g')"; } >$@.new; \
	cmp -s $@.new $@ || cp $@.new $@

# Libraries that tests preload into the command, in any build, so without sanitizers.
$(BUILD)/%.so: %.c $(wildcard tests/faults/*.h) $(BUILD)/flags
	$(say) LINK $@
	$Qmkdir -p $(@D) && $(CC) -std=c11 -O1 -g -D_GNU_SOURCE -fexceptions -Itests $(WARN_C) $(filter -W%,$(CFLAGS)) -shared -fPIC -o $@ $< -ldl

# A file taken in as it is.
$(BUILD)/%.html.o: %.html
	$(say) LD $<
	$Qmkdir -p $(@D) && cd $(<D) && $(LD) -r -b binary -z noexecstack -o $(abspath $@) $(<F)

$(BUILD)/%.o: %.cc $(BUILD)/flags
	$(say) CXX $<
	$Qmkdir -p $(@D) && $(compile_cc) -c -o $@ $<

# Rewritten only if a command, or the compiler's predefined macros under these flags on this machine, have changed.
quote = '$(subst ','\'',$1)'
$(BUILD)/flags: FORCE
	@mkdir -p $(@D); { echo $(call quote,$(compile_c) $(compile_cc) $(link) $(LDLIBS)); \
	$(CC) $(MACHINE) $(CFLAGS) -dM -E -x c /dev/null | sort; } >$@.new; cmp -s $@.new $@ || cp $@.new $@

FORCE:
.SECONDARY:
.DELETE_ON_ERROR:
-include $(ALL_O:.o=.d)

# ---- Targets for people. `make help` shows the comment after ##. ----

help:
	@echo 'On a fresh Debian: apt-get install git make, then any of these.'
	@sed -n 's/^\([a-z]*\):.* ## /\1 /p' Makefile | \
	while read -r target does; do printf '  make %-10s %s\n' $$target "$$does"; done

deps: ## install missing packages with apt-get, or name them if there is no apt-get
	@CC='$(CC)' CXX='$(CXX)' CPPFLAGS='$(CPPFLAGS)' .ci/deps

test: deps ## install missing packages, build, run all tests except the slow ones (ONLY=nn/: those with nn/ in their path)
	@$(MAKE) check

test-slow: deps ## the same for the slowest tests (tests/slow)
	@$(MAKE) check ONLY=--slow

check: ## build and run tests like `make test`, without installing anything
	@$(MAKE) all tests
	@BUILD='$(BUILD)' tests/run $(ONLY)

demo: deps ## install missing packages, build, train a small model on the King James Bible, score it: about 5 minutes
	@LTM='$(BUILD)/ltm' MAKE='$(MAKE)' runs/demo.sh

lint: deps ## warnings of gcc and clang, clang-tidy, format, and this project's own rules
	@.ci/deps lint
	@$(MAKE) objects build-lint/gcc/libltm.a BUILD=build-lint/gcc CC=gcc CXX=g++ CFLAGS='-O2 -Werror'
	@$(MAKE) objects tidy BUILD=build-lint/clang CC=clang CXX=clang++ CFLAGS='-O1 -Werror'
	@clang-format --dry-run -Werror $(FORMATTED)
	@shellcheck -x $(SCRIPTS)
	@tests/lint/house build-lint/gcc/libltm.a

FORMATTED = $(wildcard include/*.h include/ltm/*.h src/*/*.[ch] tokenizer/*.cc tokenizer/*.h tests/*/*.[ch])
SCRIPTS   = .ci/run .ci/deps .ci/pages tests/run tests/fuzz/run tests/lint/house \
            .ci/deb .ci/doxygen-comments $(wildcard runs/*.sh tests/*/test_*.sh corpora/*.sh corpora/*/build)
tidy: $(patsubst %,$(BUILD)/%.tidy,$(basename $(wildcard src/*/*.c tokenizer/*.cc tests/*/*.c)))
$(BUILD)/%.tidy: %.c $(BUILD)/%.o .clang-tidy tests/.clang-tidy
	$(say) TIDY $<
	$Qclang-tidy --quiet $< -- $(filter-out -MMD -MP,$(compile_c)) 2>/dev/null && touch $@
$(BUILD)/%.tidy: %.cc $(BUILD)/%.o .clang-tidy tests/.clang-tidy
	$(say) TIDY $<
	$Qclang-tidy --quiet $< -- $(filter-out -MMD -MP,$(compile_cc)) 2>/dev/null && touch $@

format: ## format all sources as `make lint` requires
	@clang-format -i $(FORMATTED)

torture: ## the fault tests with a fault at every call, and 150 kills: about half an hour (ONLY=… as in test)
	@FAULTS=all LIMIT=7200 $(MAKE) check ONLY='$(or $(ONLY),faults)'

golden: $(BUILD)/tests/golden/test_golden ## rewrite tests/golden/*.jsonl after an intended change of numbers
	@TMPDIR=$$(mktemp -d) && export TMPDIR && LTM_GOLDEN=renew $<; code=$$?; rm -rf "$$TMPDIR"; exit $$code
	@git --no-pager diff --stat tests/golden 2>/dev/null || true

memcheck: ## valgrind's memcheck on short runs: about 5 minutes
	@.ci/deps memcheck
	@$(MAKE) all BUILD=build-memcheck ONEDNN=0 CFLAGS='-O1 -g -fno-omit-frame-pointer' $(if $(filter x86_64%,$(TARGET)),ARCH=x86-64-v3)
	@LTM='$(abspath build-memcheck/ltm)' tests/faults/memcheck

SANITIZE = -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all -fsanitize
sanitize: deps ## all tests with the address, leak and undefined behaviour sanitizers
	@ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:allow_user_segv_handler=0 \
	UBSAN_OPTIONS=print_stacktrace=1 \
	$(MAKE) check BUILD=build-sanitize CFLAGS='$(SANITIZE)=address,undefined'

tsan: ## tests of threads (test_*threads* and more) with the thread sanitizer; needs clang and its OpenMP
	@CC=clang CXX=clang++ .ci/deps
	@TSAN_OPTIONS='ignore_noninstrumented_modules=1 halt_on_error=1' \
	$(MAKE) check BUILD=build-tsan CC=clang CXX=clang++ CFLAGS='$(SANITIZE)=thread' ONLY='$(or $(ONLY),threads test_corpus_build test_decoder_stream test_fit cli/test_generate)'

fuzz: deps ## fuzz the file readers with libFuzzer, FUZZ_SECONDS (30) per target (ONLY=text); findings stay in build-fuzz
	@.ci/deps fuzz
	@$(MAKE) fuzzers BUILD=build-fuzz CC=clang CXX=clang++ LDFLAGS=-fsanitize=fuzzer \
	CFLAGS='$(SANITIZE)=address,undefined,fuzzer-no-link -fno-sanitize=vptr,function -Wno-pass-failed -DLTM_LIBFUZZER'
	@FUZZ_SECONDS='$(FUZZ_SECONDS)' tests/fuzz/run $(ONLY)

# Quote for the shell, since a path may contain spaces and quotes; and for sed, the special characters of a replacement.
to = $(call quote,$(DESTDIR)$(PREFIX)$1)
literally = $(subst &,\&,$(subst $(comma),\$(comma),$(subst \,\\,$1)))
comma = ,
man: all ## make manual pages and bash completion from the help texts, in build/pages
	@.ci/pages '$(BUILD)/ltm' '$(BUILD)/pages'

docs: ## make pages of the public API from its headers, with doxygen, in build/docs
	@command -v doxygen >/dev/null || { echo 'make docs: doxygen is not installed (Debian: doxygen)' >&2; exit 1; }
	@mkdir -p '$(BUILD)/docs' && VERSION='$(VERSION)' DOCS='$(BUILD)/docs' doxygen .ci/Doxyfile && echo '$(BUILD)/docs/html/index.html'

DEB = $(BUILD)/ltm_$(VERSION)_$(shell dpkg --print-architecture 2>/dev/null).deb
deb: all shared ## make a Debian package in build/, for processors like this one (ARCH=x86-64-v3: for more of them)
	@command -v dpkg-deb >/dev/null || { echo 'make deb: this is for Debian; dpkg-deb is not installed' >&2; exit 1; }
	@rm -rf '$(BUILD)/deb' && $(MAKE) install DESTDIR='$(abspath $(BUILD)/deb)' PREFIX=/usr >/dev/null
	@.ci/deb '$(BUILD)/deb' '$(VERSION)' '$(DEB)'

install: man shared ## install to PREFIX (/usr/local), under DESTDIR for packaging
	install -d $(call to,/bin) $(call to,/lib/pkgconfig) $(call to,/include/ltm) $(call to,/share/man/man1) \
	    $(call to,/share/man/man5) $(call to,/share/bash-completion/completions)
	install -m 644 $(BUILD)/pages/ltm*.1 $(call to,/share/man/man1/)
	install -m 644 $(BUILD)/pages/ltm-keys.5 $(call to,/share/man/man5/)
	install -m 644 $(BUILD)/pages/ltm.bash $(call to,/share/bash-completion/completions/ltm)
	install $(BUILD)/ltm $(call to,/bin/)
	install -m 644 $(BUILD)/libltm.a $(call to,/lib/)
	install -m 644 $(BUILD)/libltm.so.$(SOVERSION) $(call to,/lib/libltm.so.$(VERSION))
	ln -sf libltm.so.$(VERSION) $(call to,/lib/libltm.so.$(SOVERSION))
	ln -sf libltm.so.$(SOVERSION) $(call to,/lib/libltm.so)
	install -m 644 include/ltm.h $(call to,/include/)
	install -m 644 include/ltm/*.h $(call to,/include/ltm/)
	sed $(call quote,s$(comma)@PREFIX@$(comma)$(call literally,$(PREFIX))$(comma)) .ci/ltm.pc.in | \
	    sed 's,@LIBS@,$(LIBS) $(OPENMP),; s,@VERSION@,$(VERSION),' >$(call to,/lib/pkgconfig/ltm.pc)
VERSION = $(shell sed -n 's/.*LTM_VERSION "\(.*\)"/\1/p' include/ltm.h)
OPENMP  = $(if $(findstring clang,$(CC)),-L$(realpath $(shell $(CC) -print-resource-dir)/../..) -lomp,-lgomp)

bench: deps $(BUILD)/tests/bench/bench ## measure the speed of the loops against the machine's matrix peak, as JSON (ONLY='A B' for some)
	@$(BUILD)/tests/bench/bench $(ONLY)

race: deps ## compare held-out bits per byte after RACE_SECONDS (600): ltm with latents, plain, as published, PyTorch (ONLY='plain pytorch')
	@$(MAKE) all
	@LTM='$(BUILD)/ltm' runs/race.sh $(ONLY)

calibrate: deps $(BUILD)/tests/lab/calibrate ## coverage of scaling-law intervals on 300 synthetic studies (some minutes)
	@$(BUILD)/tests/lab/calibrate

uninstall: ## remove what install installed
	rm -rf $(call to,/bin/ltm) $(call to,/lib/libltm.a) $(call to,/lib)/libltm.so* $(call to,/lib/pkgconfig/ltm.pc) $(call to,/include/ltm.h) $(call to,/include/ltm) \
	    $(call to,/share/man/man1/ltm.1) $(call to,/share/man/man1)/ltm-*.1 $(call to,/share/man/man5/ltm-keys.5) \
	    $(call to,/share/bash-completion/completions/ltm)

clean: ## remove all build folders; runs and corpora stay
	rm -rf build build-*

.PHONY: all shared docs deb tests fuzzers objects help deps test test-slow check demo lint tidy format sanitize tsan fuzz torture memcheck golden bench race calibrate man install uninstall clean FORCE
