//! The attempt, the loop that feeds it, and the sweeper
