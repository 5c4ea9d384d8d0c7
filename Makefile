# ltm: Latent Thought Models on CPUs. `make help` lists the targets.

CC ?= gcc
CXX ?= g++
ARCH ?= native
BUILD ?= build
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
CPPFLAGS += -Iinclude -Isrc -D_GNU_SOURCE
CFLAGS ?= -O3 -g
ALL_CFLAGS = -std=c11 -march=$(ARCH) -fno-math-errno -fno-trapping-math -fopenmp $(WARN) $(CFLAGS)
ALL_CXXFLAGS = -std=c++17 -march=$(ARCH) -Wall -Wextra $(CFLAGS)
LDLIBS = -lopenblas -lsentencepiece -ljansson -linih -lz -lm -lstdc++ -fopenmp

LIB_C = $(filter-out src/cli/%,$(wildcard src/*/*.c))
LIB_CXX = $(wildcard tokenizer/*.cc)
CLI_C = $(wildcard src/cli/*.c)
TEST_C = $(wildcard tests/*/test_*.c)
LIB_O = $(LIB_C:%.c=$(BUILD)/%.o) $(LIB_CXX:%.cc=$(BUILD)/%.o)
CLI_O = $(CLI_C:%.c=$(BUILD)/%.o)
TESTS = $(TEST_C:%.c=$(BUILD)/%)

all: $(BUILD)/ltm

$(BUILD)/libltm.a: $(LIB_O)
	rm -f $@ && ar rcs $@ $^

$(BUILD)/ltm: $(CLI_O) $(BUILD)/libltm.a
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/libltm.a
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.cc
	@mkdir -p $(@D)
	$(CXX) $(ALL_CXXFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

tests: $(TESTS)
clean:
	rm -rf build build-*

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all tests clean
.SECONDARY:
