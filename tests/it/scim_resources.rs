//! Users and groups one by one (items 33 to 60).
