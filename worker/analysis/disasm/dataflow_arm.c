#include "disasm/dataflow_parts.h"
void fb_dataflow_arm(const cs_insn *cs, const struct fb_insn *insn, struct fb_dataflow *out) { (void)cs;(void)insn;(void)out; }
