/* Where the C APIs of oneDNN 2 and 3 differ: layouts of matrices, and descriptions of products. */
#pragma once

#include <stdbool.h>

#include <oneapi/dnnl/dnnl.h>

#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t layout_view;
#else
typedef const dnnl_memory_desc_t *layout_view;
#endif

struct layout {
    dnnl_memory_desc_t desc; /* a handle in version 3, the struct itself in version 2 */
};

static inline layout_view view(const struct layout *layout) {
#if DNNL_VERSION_MAJOR >= 3
    return layout->desc;
#else
    return &layout->desc;
#endif
}

static inline void layout_free(struct layout *layout) {
#if DNNL_VERSION_MAJOR >= 3
    if (layout->desc) dnnl_memory_desc_destroy(layout->desc);
#else
    (void)layout;
#endif
}

/* (rows, columns), element (i, j) at i · down + j · across. */
static inline bool layout_strided(struct layout *layout, int rows, int columns, int down, int across,
                                  dnnl_data_type_t type) {
    const dnnl_dims_t dims = {rows, columns};
    const dnnl_dims_t strides = {down, across};
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_memory_desc_create_with_strides(&layout->desc, 2, dims, type, strides) == dnnl_success;
#else
    return dnnl_memory_desc_init_by_strides(&layout->desc, 2, dims, type, strides) == dnnl_success;
#endif
}

static inline bool layout_open(struct layout *layout, int rows, int columns) {
    const dnnl_dims_t dims = {rows, columns};
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_memory_desc_create_with_tag(&layout->desc, 2, dims, dnnl_bf16, dnnl_format_tag_any) == dnnl_success;
#else
    return dnnl_memory_desc_init_by_tag(&layout->desc, 2, dims, dnnl_bf16, dnnl_format_tag_any) == dnnl_success;
#endif
}

static inline dnnl_status_t append_sum(dnnl_post_ops_t operations) {
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_post_ops_append_sum(operations, 1.0f, 0, dnnl_f32);
#else
    return dnnl_post_ops_append_sum(operations, 1.0f);
#endif
}

static inline dnnl_status_t describe_matmul(dnnl_primitive_desc_t *made, dnnl_engine_t engine, layout_view a,
                                            layout_view b, layout_view c, const_dnnl_primitive_attr_t attributes) {
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_matmul_primitive_desc_create(made, engine, a, b, NULL, c, attributes);
#else
    dnnl_matmul_desc_t operation;
    const dnnl_status_t status = dnnl_matmul_desc_init(&operation, a, b, NULL, c);
    return status == dnnl_success ? dnnl_primitive_desc_create(made, &operation, attributes, engine, NULL) : status;
#endif
}
