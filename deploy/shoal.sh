#!/bin/sh
exec node --conditions=shoal-source /opt/shoal/packages/shoal/src/bin.ts "$@"
