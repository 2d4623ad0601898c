import os
from pathlib import Path

from examples.certificates.certificates import CertificateReconciler
from operator_kit import run

run(CertificateReconciler(Path(os.environ.get("CERTIFICATES", "/etc/letsencrypt/live"))), name="certificates")
