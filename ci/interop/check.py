"""Reads a latency.hlog with the Python, Java and JavaScript versions of HdrHistogram and compares them with loadgen.

Usage: check.py LOADGEN RUN_FOLDER HDRHISTOGRAM_JAR NODE_FOLDER SCRATCH_FOLDER
Every tag must have equal counts in all readers, and loadgen's percentile print must be Java's byte for byte.
"""

import csv
import io
import json
import os
import subprocess
import sys

from hdrh.log import HistogramLogReader
from hdrh.histogram import HdrHistogram

LOWEST, HIGHEST, DIGITS = 1, 3_600_000_000_000, 3

READER_JS = """
const hdr = require("hdr-histogram-js");
const lines = require("fs").readFileSync(process.argv[2], "utf8").split("\\n");
const counts = {};
for (const line of lines) {
  if (line === "" || line.startsWith("#") || line.startsWith('"')) continue;
  const tagged = line.startsWith("Tag=");
  const tag = tagged ? line.slice(4, line.indexOf(",")) : "";
  const payload = line.slice(line.lastIndexOf(",") + 1);
  const histogram = hdr.decodeFromCompressedBase64(payload, "packed", false);
  counts[tag] = (counts[tag] || 0) + histogram.totalCount;
}
console.log(JSON.stringify(counts));
"""


def run(*words, **kwargs):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, **kwargs).stdout


def of_loadgen(loadgen, folder):
    rows = csv.DictReader(io.StringIO(run(loadgen, "report", "export", folder, "--format", "csv-distribution")))
    counts = {}
    for row in rows:
        tag = f"{row['group']}:{row['command']}:{row['metric']}"
        counts[tag] = counts.get(tag, 0) + int(row["count"])
    return counts


def of_python(log):
    reader = HistogramLogReader(log, HdrHistogram(LOWEST, HIGHEST, DIGITS))
    counts = {}
    while (histogram := reader.get_next_interval_histogram()) is not None:
        tag = histogram.get_tag() or ""
        counts[tag] = counts.get(tag, 0) + histogram.get_total_count()
    return counts


def of_javascript(log, modules, scratch):
    script = os.path.join(scratch, "reader.js")
    with open(script, "w") as out:
        out.write(READER_JS)
    env = dict(os.environ, NODE_PATH=os.path.join(modules, "node_modules"))
    return json.loads(run("node", script, log, env=env))


def java_print(jar, log, tag, scratch):
    out = os.path.join(scratch, "java")
    words = ["java", "-cp", jar, "org.HdrHistogram.HistogramLogProcessor", "-i", log, "-o", out]
    run(*words, *(["-tag", tag] if tag else []))
    with open(out + ".hgrm") as file:
        # The first two lines say when the log was made.
        return "".join(file.readlines()[2:])


def main(loadgen, folder, jar, modules, scratch):
    log = os.path.join(folder, "latency.hlog")
    ours, python, javascript = of_loadgen(loadgen, folder), of_python(log), of_javascript(log, modules, scratch)
    tags = sorted(tag for tag in python if tag)
    assert tags == sorted(ours), f"loadgen has {sorted(ours)}, Python {tags}"
    for tag in tags:
        counts = ours[tag], python[tag], javascript[tag]
        assert len(set(counts)) == 1, f"{tag}: loadgen, Python, JavaScript count {counts}"
    untagged = [""] if "" in python else []
    assert python.get("") == javascript.get(""), f"untagged: {python.get('')} and {javascript.get('')}"
    for tag in untagged + tags:
        words = ["--tag", tag] if tag else []
        mine = run(loadgen, "report", "export", folder, "--format", "hgrm", *words)
        java = java_print(jar, log, tag, scratch)
        assert mine == java, f"{tag or 'untagged'}: the percentile print is not Java's"
    total = sum(ours.values())
    print(f"equal: {len(tags)} tags, {total} samples in loadgen, Python and JavaScript; {len(untagged + tags)} prints as Java's")


main(*sys.argv[1:])
