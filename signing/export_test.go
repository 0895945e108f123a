package signing

// Documents lets the tests outside the package use the generator of documents.
var Documents = documents
