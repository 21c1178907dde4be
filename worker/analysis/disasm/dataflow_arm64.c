#include "disasm/dataflow_parts.h"
void fb_dataflow_arm64(const cs_insn *cs, const struct fb_insn *insn, struct fb_dataflow *out) { (void)cs;(void)insn;(void)out; }
void fb_dataflow_arm64_word(uint32_t word, const struct fb_insn *insn, struct fb_dataflow *out){ (void)word;(void)insn;(void)out; }
