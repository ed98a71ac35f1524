//! The doorbell: ids of due sessions on their way to a worker
