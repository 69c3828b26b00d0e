"""``python -m qa_bench``."""

import sys

from qa_bench.cli import main

sys.exit(main())
