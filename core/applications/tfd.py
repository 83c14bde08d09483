"""Transaction fraud detection: is this card payment a fraud?"""

from datetime import timedelta

from core.applications.area import HOUSTON
from core.declaration import (
    Application,
    Category,
    Classification,
    Entity,
    EventTime,
    Flag,
    Group,
    Identifier,
    Number,
    Place,
    Query,
    Text,
)
from core.windows import Count, DistanceFromLast, Distinct, Max, SinceLast, Sum, Window

MERCHANTS = 200

_SPENT = (Count(), Sum("amount"), Distinct("merchant_id"))

TFD = Application(
    name="tfd",
    title="Transaction fraud detection",
    summary="Tells for each payment how probable a fraud is, and learns from the reports that follow.",
    noun="payments",
    icon="credit_card",
    task=Classification(label="is_fraud", positive=True),
    key="user_id",
    label_delay=timedelta(minutes=10),
    fields=(
        Identifier("transaction_id"),
        Entity("user_id", help="Who pays"),
        EventTime("timestamp"),
        Number("amount", 0.01, 100_000, step=0.01, form=(1, 6000), unit="currency units", help="Amount paid"),
        Category("currency", ("USD", "EUR", "GBP", "JPY", "CAD", "AUD", "BRL")),
        Category("merchant_id", tuple(f"merchant_{n}" for n in range(1, MERCHANTS + 1)), open=True),
        Category(
            "product_category",
            (
                "electronics",
                "clothing",
                "groceries",
                "travel",
                "services",
                "digital_goods",
                "luxury_items",
                "gambling",
                "other",
            ),
        ),
        Category("transaction_type", ("purchase", "withdrawal", "transfer", "payment", "deposit")),
        Category("payment_method", ("credit_card", "debit_card", "paypal", "bank_transfer", "crypto")),
        Place("location", HOUSTON, help="Where the payment was made"),
        Text("ip_address", longest=45),
        Group(
            "device_info",
            (
                Category("os", ("iOS", "Android", "Windows", "macOS", "Linux", "Other")),
                Category("browser", ("Chrome", "Safari", "Firefox", "Edge", "Opera", "Other")),
            ),
        ),
        Text("user_agent"),
        Number("account_age_days", 0, 36_500, integer=True, form=(0, 1825), unit="days"),
        Flag("cvv_provided", help="The card's security code was given"),
        Flag("billing_address_match", help="The billing address is the card holder's"),
        Flag("is_fraud", help="The label: reported as a fraud"),
    ),
    windows=(
        SinceLast("user_id"),
        DistanceFromLast("user_id", place="location"),
        Window("user_id", timedelta(minutes=10), take=_SPENT),
        Window("user_id", timedelta(hours=1), take=_SPENT),
        Window("user_id", timedelta(hours=24), take=(*_SPENT, Max("amount"))),
    ),
    online=("token_stack", "adaptive_random_forest", "binned_linear", "prior", "last_label"),
    batch=("catboost", "hist_gradient_boosting"),
    queries=(
        Query("Sample data", "SELECT * FROM data ORDER BY timestamp DESC LIMIT 100"),
        Query("Fraud cases", "SELECT * FROM data WHERE is_fraud ORDER BY timestamp DESC LIMIT 100"),
        Query("High value (> 1000)", "SELECT * FROM data WHERE amount > 1000 ORDER BY amount DESC LIMIT 100"),
        Query(
            "Fraud by merchant",
            "SELECT merchant_id, count(*) AS payments, count_if(is_fraud) AS frauds,\n"
            "       round(avg(is_fraud::int), 4) AS fraud_share\n"
            "FROM data GROUP BY merchant_id ORDER BY frauds DESC LIMIT 20",
        ),
        Query(
            "Transaction types",
            "SELECT transaction_type, count(*) AS payments, round(avg(amount), 2) AS mean_amount\n"
            "FROM data GROUP BY transaction_type ORDER BY payments DESC",
        ),
        Query(
            "Payments with their features",
            "SELECT d.*, f.* EXCLUDE (key, source_partition, source_offset, event_time, event_date)\n"
            "FROM data d JOIN features f USING (source_partition, source_offset)\n"
            "ORDER BY f.event_time DESC LIMIT 100",
        ),
        Query("Row count", 'SELECT count(*) AS "rows" FROM data'),
    ),
)
