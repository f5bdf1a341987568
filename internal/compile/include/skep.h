#ifndef SKEP_H
#define SKEP_H
#endif
