/* bf16 products through oneDNN's C API, versions 2 and 3. Its global state, the engine, is created here once. */
#include "math/bf16.h"

#if LTM_ONEDNN

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "math/onednn_versions.h"
#include <omp.h>

static dnnl_engine_t engine;

/* ---- One thread a product. ---- */

/* oneDNN divides a product among the threads that OpenMP would give its caller, both at creation, which fixes the
 * blocking and with it the bits, and at execution. Here that is always one. */
static int alone(void) {
    const int before = omp_get_max_threads();
    omp_set_num_threads(1);
    return before;
}

static void together(int before) { omp_set_num_threads(before); }

static dnnl_primitive_attr_t new_attributes(bool add) {
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_post_ops_t operations = NULL;
    bool good = dnnl_primitive_attr_create(&attributes) == dnnl_success &&
                dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user) == dnnl_success;
    if (good && add)
        good = dnnl_post_ops_create(&operations) == dnnl_success && append_sum(operations) == dnnl_success &&
               dnnl_primitive_attr_set_post_ops(attributes, operations) == dnnl_success;
    if (operations) dnnl_post_ops_destroy(operations);
    if (good || !attributes) return attributes;
    dnnl_primitive_attr_destroy(attributes);
    return NULL;
}

/* C (m, n) = A (m, k) B (k, n), or NULL. A is stored transposed if the product is a weight's gradient; b is B's
 * layout, C's is plain. */
static dnnl_primitive_desc_t describe(int m, int n, int k, bool transposed, bool add, layout_view b) {
    struct layout a = {0};
    struct layout c = {0};
    dnnl_primitive_desc_t made = NULL;
    const dnnl_primitive_attr_t attributes = new_attributes(add);
    const int before = alone();
    if (!attributes || !layout_strided(&a, m, k, transposed ? 1 : k, transposed ? m : 1, dnnl_bf16) ||
        !layout_strided(&c, m, n, n, 1, dnnl_f32) ||
        describe_matmul(&made, engine, view(&a), b, view(&c), attributes) != dnnl_success)
        made = NULL;
    together(before);
    layout_free(&a);
    layout_free(&c);
    if (attributes) dnnl_primitive_attr_destroy(attributes);
    return made;
}

static bool new_primitive(dnnl_primitive_t *primitive, const_dnnl_primitive_desc_t description) {
    const int before = alone();
    const bool good = dnnl_primitive_create(primitive, description) == dnnl_success;
    together(before);
    return good;
}

static bool execute(const_dnnl_primitive_t primitive, dnnl_stream_t stream, int count,
                    const dnnl_exec_arg_t *operands) {
    const int before = alone();
    const bool good = dnnl_primitive_execute(primitive, stream, count, operands) == dnnl_success &&
                      dnnl_stream_wait(stream) == dnnl_success;
    together(before);
    return good;
}

/* ---- Is it available, and does it compute correctly? ---- */

static pthread_once_t start_once = PTHREAD_ONCE_INIT;
static const char *missing;
static char backend[32];

static bool has(unsigned wanted) { return ((unsigned)dnnl_get_effective_cpu_isa() & wanted) == wanted; }

static bool product_agrees(void);

static void start(void) {
    const dnnl_version_t *v = dnnl_version();
    snprintf(backend, sizeof backend, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
    if (v->major != DNNL_VERSION_MAJOR) missing = "the installed oneDNN is not the version ltm was built with";
#if defined __x86_64__ || defined __i386__
    else if (!has(dnnl_cpu_isa_avx512_core_bf16))
        missing =
            "the processor has no instructions for bf16 (AVX-512 BF16 or AMX), or ONEDNN_MAX_CPU_ISA forbids them";
#endif
    else if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success)
        missing = "oneDNN cannot be initialised";
    else if (!product_agrees())
        missing = "oneDNN computes wrong bf16 products, or none, on this processor";
}

const char *bf16_missing(void) {
    pthread_once(&start_once, start);
    return missing;
}

const char *bf16_backend(void) {
    bf16_missing();
    return backend;
}

/* ---- Weights ---- */

struct packed {
    void *data;
    float *turned;               /* of an odd k: Wᵀ, rows of k + 1 */
    int k, n, down, across;      /* W as given */
    dnnl_memory_t plain, memory; /* W in fp32 as the product's B, at any address; its packed layout */
    dnnl_primitive_t reorder;
    dnnl_stream_t stream;
};

struct bf16_weight {
    int out, in;
    struct packed packed[2]; /* by orientation: Wᵀ (in, out) and W (out, in) */
};

static void packed_free(struct packed *p) {
    if (p->reorder) dnnl_primitive_destroy(p->reorder);
    if (p->stream) dnnl_stream_destroy(p->stream);
    if (p->plain) dnnl_memory_destroy(p->plain);
    if (p->memory) dnnl_memory_destroy(p->memory);
    free(p->data);
    free(p->turned);
}

/* B (k, n): ask a product of about 1,000 rows for its layout of B, and create the reorder from W. oneDNN 3.7 packs the last
 * row of an odd k wrongly where rows lie one after the other; columns that do are packed correctly. */
static bool packed_create(struct packed *p, int k, int n, int down, int across) {
    enum { ROWS = 1024 };
    struct layout open = {0};
    struct layout plain = {0};
    dnnl_primitive_desc_t product = NULL;
    dnnl_primitive_desc_t reorder = NULL;
    const bool odd = k % 2 == 1;
    bool good = layout_open(&open, k, n) && (product = describe(ROWS, n, k, false, false, view(&open))) != NULL &&
                layout_strided(&plain, k, n, odd ? 1 : down, odd ? k + 1 : across, dnnl_f32);
    p->k = k, p->n = n, p->down = down, p->across = across;
    if (good && odd)
        good = memory_zeroed((void **)&p->turned, (size_t)n * (size_t)(k + 1), sizeof *p->turned, "weights", NULL) ==
               LTM_OK;
    if (good) {
        const layout_view wanted = dnnl_primitive_desc_query_md(product, dnnl_query_weights_md, 0);
        good =
            memory_zeroed(&p->data, dnnl_memory_desc_get_size(wanted), 1, "packed weights", NULL) == LTM_OK &&
            dnnl_memory_create(&p->memory, wanted, engine, p->data) == dnnl_success &&
            dnnl_memory_create(&p->plain, view(&plain), engine, DNNL_MEMORY_NONE) == dnnl_success &&
            dnnl_stream_create(&p->stream, engine, dnnl_stream_default_flags) == dnnl_success &&
            dnnl_reorder_primitive_desc_create(&reorder, view(&plain), engine, wanted, engine, NULL) == dnnl_success &&
            new_primitive(&p->reorder, reorder);
    }
    if (reorder) dnnl_primitive_desc_destroy(reorder);
    if (product) dnnl_primitive_desc_destroy(product);
    layout_free(&open);
    layout_free(&plain);
    return good;
}

static struct bf16_weight *new_weight(int out, int in) {
    struct bf16_weight *made = calloc(1, sizeof *made);
    if (!made) return NULL;
    made->out = out;
    made->in = in;
    if (packed_create(&made->packed[BF16_FORWARD], in, out, 1, in) &&
        packed_create(&made->packed[BF16_BACKWARD], out, in, in, 1))
        return made;
    bf16_weight_free(made);
    return NULL;
}

ltm_status bf16_weight_create(struct bf16_weight **weight, int out, int in, struct ltm_error *error) {
    *weight = NULL;
    if (bf16_missing()) return fail(error, LTM_UNSUPPORTED, "bf16 is not possible: %s", bf16_missing());
    *weight = new_weight(out, in);
    if (*weight) return LTM_OK;
    return fail(error, LTM_MEMORY, "out of memory for weights of %d x %d in bf16", out, in);
}

void bf16_weight_free(struct bf16_weight *weight) {
    if (!weight) return;
    packed_free(&weight->packed[BF16_FORWARD]);
    packed_free(&weight->packed[BF16_BACKWARD]);
    free(weight);
}

size_t bf16_weight_bytes(int out, int in) {
    const size_t turned =
        (in % 2 ? (size_t)out * (size_t)(in + 1) : 0) + (out % 2 ? (size_t)in * (size_t)(out + 1) : 0);
    return 2 * sizeof(bf16) * (size_t)out * (size_t)in + turned * sizeof(float);
}

static bool pack(struct packed *p, const float *w) {
    for (int j = 0; p->turned && j < p->n; j++)
        for (int i = 0; i < p->k; i++)
            p->turned[(size_t)j * (size_t)(p->k + 1) + (size_t)i] =
                w[(size_t)i * (size_t)p->down + (size_t)j * (size_t)p->across];
    if (p->turned) w = p->turned;
    const dnnl_exec_arg_t operands[] = {{DNNL_ARG_FROM, p->plain}, {DNNL_ARG_TO, p->memory}};
    return dnnl_memory_set_data_handle(p->plain, (void *)(uintptr_t)w) == dnnl_success &&
           execute(p->reorder, p->stream, 2, operands);
}

ltm_status bf16_weight_pack(struct bf16_weight *weight, enum bf16_orientation orientation, const float *w,
                            struct ltm_error *error) {
    if (pack(&weight->packed[orientation], w)) return LTM_OK;
    return fail(error, LTM_EXTERNAL, "oneDNN could not pack weights of %d x %d", weight->out, weight->in);
}

/* ---- Products ---- */

struct bf16_call {
    struct bf16_call *next;
    struct bf16_product product;
    dnnl_primitive_t primitive;
    dnnl_memory_t a, b, c, scratch; /* b of a weight's gradient; other products have the packed weight's own */
};

struct bf16_work {
    dnnl_stream_t stream;
    struct bf16_call *made; /* the first of a list */
    void *buffers[3];       /* operands A and B, scratch; grown while products are created */
    size_t bytes[3];
};

enum { SCRATCH = 2 };

static struct bf16_work *new_work(void) {
    struct bf16_work *work = calloc(1, sizeof *work);
    if (work && dnnl_stream_create(&work->stream, engine, dnnl_stream_default_flags) == dnnl_success) return work;
    free(work);
    return NULL;
}

ltm_status bf16_work_create(struct bf16_work **work, struct ltm_error *error) {
    *work = NULL;
    if (bf16_missing()) return fail(error, LTM_UNSUPPORTED, "bf16 is not possible: %s", bf16_missing());
    *work = new_work();
    return *work ? LTM_OK : fail(error, LTM_MEMORY, "out of memory for products in bf16");
}

static void made_free(struct bf16_call *made) {
    if (!made) return;
    if (made->primitive) dnnl_primitive_destroy(made->primitive);
    if (made->a) dnnl_memory_destroy(made->a);
    if (made->b) dnnl_memory_destroy(made->b);
    if (made->c) dnnl_memory_destroy(made->c);
    if (made->scratch) dnnl_memory_destroy(made->scratch);
    free(made);
}

void bf16_work_free(struct bf16_work *work) {
    if (!work) return;
    for (struct bf16_call *next, *made = work->made; made; made = next) {
        next = made->next;
        made_free(made);
    }
    for (int i = 0; i < 3; i++) free(work->buffers[i]);
    dnnl_stream_destroy(work->stream);
    free(work);
}

static struct bf16_call *find(const struct bf16_work *work, const struct bf16_product *p) {
    for (struct bf16_call *made = work->made; made; made = made->next) {
        const struct bf16_product *q = &made->product;
        if (q->rows == p->rows && q->out == p->out && q->in == p->in && q->kind == p->kind && q->add == p->add &&
            q->apart == p->apart)
            return made;
    }
    return NULL;
}

static bool grow(struct bf16_work *work, int index, size_t bytes) {
    if (bytes <= work->bytes[index]) return true;
    void *larger = NULL;
    if (memory_zeroed(&larger, bytes, 1, "products in bf16", NULL) != LTM_OK) return false;
    free(work->buffers[index]);
    work->buffers[index] = larger;
    work->bytes[index] = bytes;
    return true;
}

static dnnl_primitive_desc_t describe_product(const struct bf16_product *p, const struct bf16_weight *weight) {
    struct layout b = {0};
    dnnl_primitive_desc_t made = NULL;
    layout_view packed = NULL;
    switch (p->kind) {
    case BF16_TO_OUTPUT:
        if (dnnl_memory_get_memory_desc(weight->packed[BF16_FORWARD].memory, &packed) == dnnl_success)
            made = describe(p->rows, p->out, p->in, false, p->add, packed);
        break;
    case BF16_TO_INPUT:
        if (dnnl_memory_get_memory_desc(weight->packed[BF16_BACKWARD].memory, &packed) == dnnl_success)
            made = describe(p->rows, p->in, p->out, false, p->add, packed);
        break;
    default:
        if (layout_strided(&b, p->rows, p->in, p->in, 1, dnnl_bf16))
            made = describe(p->out, p->in, p->rows, true, p->add, view(&b));
        layout_free(&b);
    }
    return made;
}

static bool new_operand(dnnl_memory_t *memory, const_dnnl_primitive_desc_t description, dnnl_query_t which) {
    const layout_view wanted = dnnl_primitive_desc_query_md(description, which, 0);
    return wanted && dnnl_memory_create(memory, wanted, engine, DNNL_MEMORY_NONE) == dnnl_success;
}

static bool make(struct bf16_call *made, struct bf16_work *work, const_dnnl_primitive_desc_t description) {
    const struct bf16_product *p = &made->product;
    const layout_view scratch = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    const size_t rows = (size_t)p->rows;
    const size_t a = p->kind == BF16_TO_OUTPUT ? (size_t)p->in : (size_t)p->out;
    const bool gradient = p->kind == BF16_TO_WEIGHT;
    return new_operand(&made->a, description, dnnl_query_src_md) &&
           (!gradient || new_operand(&made->b, description, dnnl_query_weights_md)) &&
           new_operand(&made->c, description, dnnl_query_dst_md) &&
           dnnl_memory_create(&made->scratch, scratch, engine, DNNL_MEMORY_NONE) == dnnl_success &&
           new_primitive(&made->primitive, description) && (p->apart || grow(work, 0, rows * a * sizeof(bf16))) &&
           (p->apart || !gradient || grow(work, 1, rows * (size_t)p->in * sizeof(bf16))) &&
           grow(work, SCRATCH, dnnl_memory_desc_get_size(scratch));
}

ltm_status bf16_prepare(const struct bf16_call **call, struct bf16_work *work, struct bf16_product product,
                        const struct bf16_weight *weight, struct ltm_error *error) {
    struct bf16_call *made = find(work, &product);
    *call = made;
    if (made) return LTM_OK;
    const dnnl_primitive_desc_t description = describe_product(&product, weight);
    if (!description)
        return fail(error, LTM_EXTERNAL, "oneDNN has no bf16 product of %d rows with weights of %d x %d", product.rows,
                    product.out, product.in);
    made = calloc(1, sizeof *made);
    if (made) made->product = product;
    const bool good = made && make(made, work, description);
    dnnl_primitive_desc_destroy(description);
    if (!good) {
        made_free(made);
        return fail(error, LTM_MEMORY, "out of memory for products of %d rows with weights of %d x %d in bf16",
                    product.rows, product.out, product.in);
    }
    made->next = work->made;
    work->made = made;
    *call = made;
    return LTM_OK;
}

bf16 *bf16_room(struct bf16_work *work, int index) { return work->buffers[index]; }

static bool multiply(struct bf16_work *work, const struct bf16_call *call, float *c, const bf16 *a, const bf16 *b,
                     const struct bf16_weight *weight) {
    dnnl_memory_t right = call->b;
    if (call->product.kind == BF16_TO_OUTPUT) right = weight->packed[BF16_FORWARD].memory;
    if (call->product.kind == BF16_TO_INPUT) right = weight->packed[BF16_BACKWARD].memory;
    if (call->b && dnnl_memory_set_data_handle(call->b, (void *)(uintptr_t)b) != dnnl_success) return false;
    if (dnnl_memory_set_data_handle(call->a, (void *)(uintptr_t)a) != dnnl_success ||
        dnnl_memory_set_data_handle(call->c, c) != dnnl_success ||
        dnnl_memory_set_data_handle(call->scratch, work->buffers[SCRATCH]) != dnnl_success)
        return false;
    const dnnl_exec_arg_t operands[] = {{DNNL_ARG_SRC, call->a},
                                        {DNNL_ARG_WEIGHTS, right},
                                        {DNNL_ARG_DST, call->c},
                                        {DNNL_ARG_SCRATCHPAD, call->scratch}};
    return execute(call->primitive, work->stream, 4, operands);
}

void bf16_multiply(struct bf16_work *work, const struct bf16_call *call, float *c, const bf16 *a, const bf16 *b,
                   const struct bf16_weight *weight) {
    const struct bf16_product *p = &call->product;
    if (multiply(work, call, c, a, b, weight)) return;
    const size_t rows = (size_t)(p->kind == BF16_TO_WEIGHT ? p->out : p->rows);
    const size_t columns = (size_t)(p->kind == BF16_TO_OUTPUT ? p->out : p->in);
    for (size_t i = 0; i < rows * columns; i++) c[i] = NAN;
}

/* ---- Measured ---- */

/* A product with odd edges against a plain one. Operands are small multiples of 1/128, exact in bf16, and the sums of
 * their products need fewer than the 24 bits of fp32: the two must be equal. */
static bool product_agrees(void) {
    enum { M = 37, N = 53, K = 131 };
    static float w[N * K];
    static float c[M * N];
    struct bf16_weight *weight = new_weight(N, K);
    struct bf16_work *work = new_work();
    const struct bf16_product product = {BF16_TO_OUTPUT, M, N, K, true, false};
    const struct bf16_call *call = NULL;
    bool agree = weight && work;
    for (int i = 0; i < N * K; i++) w[i] = (float)(i * 7919 % 101 - 50) / 128.0f;
    for (int i = 0; i < M * N; i++) c[i] = 1;
    agree =
        agree && pack(&weight->packed[BF16_FORWARD], w) && bf16_prepare(&call, work, product, weight, NULL) == LTM_OK;
    for (int i = 0; agree && i < M * K; i++) {
        const float x = (float)(i * 104729 % 97 - 48) / 128.0f;
        bf16_round(bf16_room(work, 0) + i, &x, 1);
    }
    agree = agree && multiply(work, call, c, bf16_room(work, 0), NULL, weight);
    for (int i = 0; agree && i < M; i++)
        for (int j = 0; j < N; j++) {
            float sum = 1;
            for (int p = 0; p < K; p++) sum += bf16_value(bf16_room(work, 0)[i * K + p]) * w[j * K + p];
            agree = agree && c[i * N + j] == sum;
        }
    bf16_weight_free(weight);
    bf16_work_free(work);
    return agree;
}

double bf16_peak(int threads, double seconds) {
    enum { SIDE = 512 };
    const struct bf16_product product = {BF16_TO_OUTPUT, SIDE, SIDE, SIDE, false, false};
    double rate = 0;
    if (bf16_missing()) return 0;
#pragma omp parallel num_threads(threads) reduction(+ : rate)
    {
        float *block = NULL;
        struct bf16_weight *weight = new_weight(SIDE, SIDE);
        struct bf16_work *work = new_work();
        const bool good = weight && work &&
                          memory_zeroed((void **)&block, (size_t)2 * SIDE * SIDE, sizeof *block, "", NULL) == LTM_OK;
        for (int i = 0; good && i < SIDE * SIDE; i++) block[i] = 1e-3f * (float)(i % 97);
        const struct bf16_call *call = NULL;
        bool ready = good && pack(&weight->packed[BF16_FORWARD], block) &&
                     bf16_prepare(&call, work, product, weight, NULL) == LTM_OK;
        if (ready) {
            bf16_round(bf16_room(work, 0), block, (size_t)SIDE * SIDE);
            ready = multiply(work, call, block + SIDE * SIDE, bf16_room(work, 0), NULL, weight);
        }
#pragma omp barrier
        double began = seconds_now();
        double elapsed = 0;
        int products = 0;
        while (ready && elapsed < seconds &&
               multiply(work, call, block + SIDE * SIDE, bf16_room(work, 0), NULL, weight)) {
            products++;
            elapsed = seconds_now() - began;
        }
        if (products) rate = 2.0 * SIDE * SIDE * SIDE * products / elapsed;
        free(block);
        bf16_weight_free(weight);
        bf16_work_free(work);
    }
    return rate;
}

#endif
