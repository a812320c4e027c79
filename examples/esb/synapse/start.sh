#!/bin/sh
# Starts Apache Synapse with the configuration in this folder. LIBRARIES is the class path of its libraries:
#
#   mvn dependency:build-classpath -Dmdep.outputFile=libraries.path
#   LIBRARIES=$(cat libraries.path) ./start.sh
set -eu
cd "$(dirname "$0")"
# Where Axis2 would look for modules and services; none are needed.
mkdir -p repository/modules repository/services
# Java reads the names of files in the locale's charset; without one in UTF-8, a file with an umlaut is not found.
case "${LC_ALL:-${LC_CTYPE:-${LANG:-}}}" in
*UTF-8* | *utf8*) ;;
*) export LC_ALL=C.UTF-8 ;;
esac
# This folder comes first: passthru-http.properties, synapse.properties and log4j.properties are read from there.
exec java ${JAVA_OPTIONS:-} -cp ".:$LIBRARIES" org.apache.synapse.SynapseServer repository axis2.xml . synapse-config
