/* worker/analysis/disasm/dataflow.c -- appending places. */
#include "disasm/dataflow_parts.h"

struct fb_data *fb_data_add(struct fb_dataflow *out, struct fb_data place)
{
    if (out->n < FB_DATA_MAX)
        out->n++;
    struct fb_data *added = &out->v[out->n - 1]; // too many: the last one gives way
    *added = place;
    return added;
}
