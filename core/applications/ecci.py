"""E-commerce customer interactions: which kind of customer is this?"""

from datetime import timedelta
from urllib.parse import quote

from core.applications.area import HOUSTON
from core.declaration import (
    Application,
    Category,
    Clustering,
    Entity,
    Event,
    EventTime,
    Group,
    Identifier,
    Number,
    Place,
    Query,
    Text,
)
from core.windows import Count, Distinct, Mean, Share, SinceLast, Switches, Window

PRODUCTS = tuple(f"prod_{n}" for n in range(1000, 1101))

SHOP = "https://example.com"


def _page_url(event: Event) -> str:
    if event["event_type"] == "search":
        return f"{SHOP}/search?q={quote(event['search_query'] or '')}"
    return f"{SHOP}/{quote(event['product_category'] or '', safe='')}/{event['product_id'] or ''}"


ECCI = Application(
    name="ecci",
    title="E-commerce customer interactions",
    summary="Finds groups of customers from what they do in the shop, session by session.",
    noun="interactions",
    icon="shopping_cart",
    task=Clustering(entity="customer_id", session="session_id", timeout=timedelta(minutes=15), segments=6),
    key="customer_id",
    label_delay=timedelta(0),
    fields=(
        Identifier("event_id"),
        Entity("customer_id", help="Who visits"),
        Entity("session_id", help="One visit"),
        EventTime("timestamp"),
        Category("event_type", ("page_view", "add_to_cart", "purchase", "search", "leave_review")),
        Category("product_id", PRODUCTS, open=True, nullable=True, help="Null on a search"),
        Category(
            "product_category",
            (
                "Electronics",
                "Fashion & Apparel",
                "Home & Garden",
                "Beauty & Personal Care",
                "Sports & Outdoors",
                "Books",
                "Grocery & Gourmet Food",
                "Automotive",
                "Toys & Games",
                "Computers",
                "Pet Supplies",
                "Health & Household",
            ),
            nullable=True,
        ),
        Number("price", 0, 100_000, unit="USD", step=0.01, form=(5, 2500), nullable=True),
        Number("quantity", 1, 1000, integer=True, form=(1, 4), nullable=True, help="On carts and purchases"),
        Text("page_url", longest=2000, derive=_page_url),
        Category(
            "referrer_url",
            (
                "direct",
                "google.com",
                "facebook.com",
                "amazon.com",
                "instagram.com",
                "twitter.com",
                "youtube.com",
                "tiktok.com",
                "pinterest.com",
                "reddit.com",
                "linkedin.com",
                "bing.com",
                "yahoo.com",
                "email_campaign",
                "affiliate_link",
            ),
            open=True,
            nullable=True,
            help="On the first event of a session",
        ),
        Group(
            "device_info",
            (
                Category("device_type", ("Mobile", "Desktop", "Tablet")),
                Category("browser", ("Chrome", "Safari", "Firefox", "Edge", "Opera", "Other")),
                Category("os", ("Android", "iOS", "Windows", "macOS", "Linux", "Other")),
            ),
        ),
        Place("location", HOUSTON),
        Number("time_on_page_seconds", 0, 86_400, integer=True, form=(5, 300), unit="s"),
        Text("search_query", nullable=True, written=True, help="On searches"),
        Number("session_event_sequence", 1, 1_000_000, integer=True, form=(1, 100), help="Events so far"),
    ),
    windows=(
        SinceLast("customer_id"),
        Window(
            "session_id",
            timedelta(minutes=30),
            take=(
                Count(),
                Distinct("product_category"),
                Switches("product_category"),
                Share("event_type", "page_view"),
                Share("event_type", "search"),
                Share("event_type", "add_to_cart"),
                Share("event_type", "purchase"),
            ),
        ),
        Window(
            "customer_id",
            timedelta(hours=24),
            take=(
                Count(),
                Distinct("session_id"),
                Distinct("product_category"),
                Share("event_type", "purchase"),
                Mean("price"),
            ),
        ),
    ),
    online=("session_kmeans", "river_kmeans", "dbstream", "one_segment"),
    batch=("kmeans", "gaussian_mixture"),
    queries=(
        Query("Sample data", "SELECT * FROM data ORDER BY timestamp DESC LIMIT 100"),
        Query(
            "Purchases", "SELECT * FROM data WHERE event_type = 'purchase' ORDER BY timestamp DESC LIMIT 100"
        ),
        Query(
            "By category",
            "SELECT product_category, count(*) AS events FROM data\n"
            "GROUP BY product_category ORDER BY events DESC",
        ),
        Query(
            "Event types",
            "SELECT event_type, count(*) AS events FROM data GROUP BY event_type ORDER BY events DESC",
        ),
        Query(
            "Top products",
            "SELECT product_id, count_if(event_type = 'page_view') AS views,\n"
            "       count_if(event_type = 'purchase') AS purchases\n"
            "FROM data WHERE product_id IS NOT NULL\n"
            "GROUP BY product_id ORDER BY purchases DESC LIMIT 20",
        ),
        Query(
            "Interactions with their features",
            "SELECT d.*, f.* EXCLUDE (key, source_partition, source_offset, event_time, event_date)\n"
            "FROM data d JOIN features f USING (source_partition, source_offset)\n"
            "ORDER BY f.event_time DESC LIMIT 100",
        ),
        Query("Row count", 'SELECT count(*) AS "rows" FROM data'),
    ),
)
