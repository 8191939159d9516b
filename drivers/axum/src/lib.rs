//! Serves axum routers.
