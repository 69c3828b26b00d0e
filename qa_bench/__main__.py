"""``python -m qa_bench``."""

import sys

from qa_bench.cli.main import main

sys.exit(main())
