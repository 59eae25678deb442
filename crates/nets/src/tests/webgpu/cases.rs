//! Cases for the tests on a device.
