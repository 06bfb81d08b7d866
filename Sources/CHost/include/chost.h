#ifndef MUSTER_CHOST_H
#define MUSTER_CHOST_H
int muster_placeholder(void);
#endif
