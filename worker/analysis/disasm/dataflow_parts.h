/*
 * worker/analysis/disasm/dataflow_parts.h -- what the architectures' halves of fb_disasm_data
 * share: appending places.
 */
#pragma once
#include "disasm/dataflow.h"
#include "disasm/optable.h"

/* `insn` is what fb_disasm made of the same instruction. */
void fb_dataflow_x86(enum fb_arch arch, const cs_insn *cs, const struct fb_insn *insn,
                     struct fb_dataflow *out);
void fb_dataflow_arm64(const cs_insn *cs, const struct fb_insn *insn, struct fb_dataflow *out);
void fb_dataflow_arm(const cs_insn *cs, const struct fb_insn *insn, struct fb_dataflow *out);
/** Of a word that fb_insn_arm64_word knows. */
void fb_dataflow_arm64_word(uint32_t word, const struct fb_insn *insn, struct fb_dataflow *out);

/** Append a place; without room in place of the last one. */
struct fb_data *fb_data_add(struct fb_dataflow *out, struct fb_data place);

static inline struct fb_data *fb_data_register(struct fb_dataflow *out, int reg, uint8_t reads,
                                               uint8_t writes)
{
    return fb_data_add(out, (struct fb_data){.kind = FB_DATA_REGISTER,
                                             .reg = (int8_t)reg,
                                             .read = reads != 0,
                                             .write = writes != 0,
                                             .reads = reads,
                                             .writes = writes});
}
static inline struct fb_data *fb_data_flags(struct fb_dataflow *out, bool read, bool write)
{
    return fb_data_add(out,
                       (struct fb_data){.kind = FB_DATA_FLAGS, .read = read, .write = write});
}
static inline struct fb_data *fb_data_vector(struct fb_dataflow *out, int reg, bool read,
                                             bool write)
{
    return fb_data_add(
        out, (struct fb_data){
                 .kind = FB_DATA_VECTOR, .reg = (int8_t)reg, .read = read, .write = write});
}
/** Nothing of the old contents counts: x ^ x. */
static inline void fb_data_forget_reads(struct fb_dataflow *out)
{
    for (size_t i = 0; i < out->n; i++)
        out->v[i].read = false;
}
