#include <math.h>

#include "base/json.h"
#include "ltm/doctor.h"

/* NaN and negative mean "unknown". */
static json_t *real(double value) { return isfinite(value) && value >= 0 ? json_real(value) : json_null(); }
static json_t *count(int64_t value) { return value >= 0 ? json_integer((json_int_t)value) : json_null(); }
/* /proc/cpuinfo may contain anything; text that is not UTF-8 becomes null. */
static json_t *text(const char *value) {
    json_t *string = json_string(value);
    return string ? string : json_null();
}

static json_t *speed(const struct ltm_matrix_speed *s) {
    json_t *object = json_object();
    json_object_set_new(object, "available", json_boolean(s->available));
    json_object_set_new(object, "correct", s->available ? json_boolean(s->correct) : json_null());
    if (!s->available) json_object_set_new(object, "missing", text(s->missing));
    json_object_set_new(object, "one_thread_flops", real(s->one));
    json_object_set_new(object, "all_threads_flops", real(s->all));
    return object;
}

static json_t *findings(const struct ltm_machine *m) {
    static const char *const kinds[] = {"note", "advice", "fault"};
    json_t *list = json_array();
    for (int i = 0; i < m->findings; i++) {
        json_t *finding = json_object();
        json_object_set_new(finding, "kind", json_string(kinds[m->finding[i].kind]));
        json_object_set_new(finding, "text", text(m->finding[i].text));
        json_array_append_new(list, finding);
    }
    return list;
}

ltm_status ltm_machine_json(const struct ltm_machine *m, char **out, struct ltm_error *error) {
    json_t *json = json_object();
    const struct {
        const char *name;
        json_t *value;
    } entries[] = {{"version", text(m->version)},
                   {"commit", text(m->commit)},
                   {"compiler", text(m->compiler)},
                   {"flags", text(m->flags)},
                   {"system", text(m->system)},
                   {"processor", text(m->processor)},
                   {"instructions", text(m->instructions)},
                   {"cores", json_integer(m->cores)},
                   {"threads", json_integer(m->threads)},
                   {"cores_granted", m->quota > 0 ? json_real(m->quota) : json_null()},
                   {"memory_total_bytes", count(m->memory_total)},
                   {"memory_limit_bytes", m->memory_limit > 0 ? count(m->memory_limit) : json_null()},
                   {"memory_available_bytes", count(m->memory_available)},
                   {"bandwidth_one_thread", real(m->bandwidth_one)},
                   {"bandwidth_all_threads", real(m->bandwidth_all)},
                   {"openblas", text(m->openblas)},
                   {"openblas_kernel", text(m->openblas_kernel)},
                   {"openblas_detected", text(m->openblas_detected)},
                   {"onednn", text(m->onednn)},
                   {"libarchive", text(m->libarchive)},
                   {"libxml2", text(m->libxml2)},
                   {"libmicrohttpd", text(m->libmicrohttpd)},
                   {"mpi", text(m->mpi)},
                   {"fp32", speed(&m->fp32)},
                   {"bf16", speed(&m->bf16)},
                   {"findings", findings(m)}};
    bool whole = json != NULL;
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        whole = json_object_set_new(json, entries[i].name, entries[i].value) == 0 && whole;
    *out = whole ? json_text(json, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(json);
    return *out ? LTM_OK : json_fail_memory("the account of the machine", error);
}
